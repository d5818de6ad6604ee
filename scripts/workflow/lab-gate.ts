/**
 * Searches a release workflow for mentions of the lab gate. The gate judges a run on a real cluster,
 * which CI cannot reproduce, so a workflow must name neither the gate nor a command that runs it.
 *
 * Searches the workflow outside YAML comments, and every script, action and workflow of the same
 * repository that it names, directly or through others. Does not search other repositories, a
 * Makefile or a Dockerfile.
 */

import { posix } from "node:path";
import { asTable, type Document, type Path } from "../lib/files/document.ts";
import { attempt, error, type Finding, notice, type Place, quote } from "../lib/finding.ts";
import { layout } from "../lib/layout.ts";
import { isTreePath, type Source, type Tree } from "../lib/tree.ts";
import { placeOf } from "./documented-form.ts";

const { command, folder } = layout.labGate;

/** The commands that CI may run: they check only files and versions. `adopt` needs `--check`. */
const harmless =
  /^(?:scripts\/(?:check-(?:tag-version|chart-version-bumped|helm-tag-version|references|vintages|release-workflow|chart-appversion)|adopt)|release-gate\/check-ledger)\.(?:ts|sh)$/;

/** Matches the lab gate, its folder, and our commands that run the gate or change what it reads. */
const mention = new RegExp(
  [
    RegExp.escape(command),
    `(?<![\\w.-])${RegExp.escape(folder)}(?![\\w-]|/check-ledger\\.(?:ts|sh)\\b)`,
    "(?:(?<![\\w-])scripts/|(?<![\\w./-])(?:\\./)?)(?:release|release-chart|record-validation|validate-lab|status|audit-releases|verify-release|bump-version|demo)\\.(?:ts|sh)(?![\\w-])",
    "(?<![\\w-])adopt\\.(?:ts|sh)(?![^\\n]*\\s--check(?:\\s|$))",
  ].join("|"),
);

const gateFiles = ["sh", "ts"].map((ending) => `${folder}/${command}.${ending}`);
/** A shell or GitHub variable. The length is bounded to keep the search linear. */
const variable = /\$\{\{[\s\S]{0,999}?\}\}|\$\{[^}]{0,999}\}|\$\w+/g;
const scriptEnding = /\.(?:[cm]?[jt]sx?|sh|bash|zsh|py|rb|pl|ya?ml)$/;
/** The ends of a path that an import or `uses` may omit. */
const endings = ["", ".ts", ".js", "/index.ts", "/index.js", "/action.yml", "/action.yaml"];

/** A text to search. */
interface Text {
  readonly text: string;
  /** The folders from which its relative paths may start. */
  readonly folders: readonly string[];
  place(offset: number): Place;
}

/** Searches a workflow. A pass has one notice, with the number of files that were read. */
export async function checkLabGate(tree: Tree, document: Document): Promise<Finding[]> {
  const { file } = document.source.place();
  const findings: Finding[] = [];
  const asked = new Set<string>();
  let filesRead = 0;

  async function search({ text, folders, place }: Text, route: string): Promise<void> {
    for (const { 0: line, index } of text.matchAll(/[^\n]+/g)) {
      const found = mention.exec(line) ?? patternIn(line);
      if (found !== undefined) {
        const [word] = found;
        const isGate = word.includes(command) || word.includes(folder);
        const what = isGate ? "the lab gate" : `${quote(word)}, which leads to the lab gate,`;
        report(`${what} in ${quote(line.trim())}`, place(index + found.index), route);
      }
    }
    const starts = new Set([...folders, ...foldersEntered(text)]);
    for (const { path, offset } of pathsIn(text)) {
      for (const start of starts) {
        await follow(posix.join(start, path), () => `${route}, named in ${shown(place(offset))}`);
      }
    }
    const packageCall = /\b(?:npm|pnpm|yarn|bun)(?:@\S{1,99})?\s+run(?:-script)?\s/.exec(text);
    if (packageCall !== null) {
      const from = () => `${route}, named in ${shown(place(packageCall.index))}`;
      await read("package.json", from);
    }
  }

  function report(found: string, at: Place, route: string): void {
    const remedy =
      "Remove it: the operator runs the gate before the tag, and CI cannot reproduce a run of the lab";
    const message = `Cannot accept ${file}: found ${found}${route}, expected no mention of it`;
    findings.push(error(message, { at, remedy }));
  }

  /** Searches the script that a path names, if the tree has it. */
  async function follow(path: string, route: () => string): Promise<void> {
    const bare = posix.normalize(path).replace(/\/$/, "");
    const compiled = /\.[cm]?js$/.test(bare) ? [bare.replace(/js$/, "ts")] : [];
    for (const target of [...endings.map((ending) => bare + ending), ...compiled]) {
      await read(target, route);
    }
  }

  async function read(path: string, route: () => string): Promise<void> {
    if (asked.has(path) || !isTreePath(path) || harmless.test(path)) {
      return;
    }
    asked.add(path);
    const { findings: unread } = await attempt(async () => {
      const isThere = (await tree.list(path)).length > 0;
      const source = isThere ? await tree.read(path, { lenient: true }) : undefined;
      if (source !== undefined && (isScript(source) || path === "package.json")) {
        filesRead += 1;
        await search({ ...source, folders: ["", posix.dirname(path)] }, route());
      }
    });
    findings.push(...(unread ?? []));
  }

  asked.add(file);
  const texts = textsOf(document);
  const folders = [
    "",
    ...texts.filter(({ path }) => path.at(-1) === "working-directory").map(({ text }) => text),
  ];
  for (const { path, text } of texts) {
    await search({ text, folders, place: (offset) => placeOf(document, path, offset) }, "");
  }
  const count =
    filesRead === 1
      ? "1 file that it names was read"
      : `${filesRead} files that it names were read`;
  return findings.length > 0
    ? findings
    : [notice(`${file}: never names the lab gate (${count})`, { at: document.source.place() })];
}

/** Returns every key and text of a document with its path; a value with an anchor once. */
function textsOf({ data }: Document): { readonly path: Path; readonly text: string }[] {
  const found: { path: Path; text: string }[] = [];
  const seen = new Set<unknown>();
  function visit(path: Path, value: unknown): void {
    if (typeof value === "string") {
      found.push({ path, text: value });
    } else if (typeof value === "object" && value !== null && !seen.has(value)) {
      seen.add(value);
      const isList = Array.isArray(value);
      for (const [key, child] of Object.entries(isList ? value : (asTable(value) ?? {}))) {
        const inner = [...path, isList ? Number(key) : key];
        if (!isList) {
          found.push({ path: inner, text: key });
        }
        visit(inner, child);
      }
    }
  }
  visit([], data);
  return found;
}

/** Returns a glob pattern in a line that matches the gate and has letters of its name. */
function patternIn(line: string): RegExpExecArray | undefined {
  const plain = line.replace(variable, (each) => " ".repeat(each.length));
  return [...plain.matchAll(/[\w@.+/*?[\]{},!^-]+/g)].find(([word]) => {
    const pattern = posix.normalize(word.replace(/^!+/, "")).replace(/^(?:\.{0,2}\/)+/, "");
    return (
      /[*?[{]/.test(word) &&
      /[a-z]/i.test(pattern.replace(scriptEnding, "")) &&
      gateFiles.some((each) => new Bun.Glob(pattern).match(each))
    );
  });
}

/** Returns the words that may be paths of scripts. A variable before a path counts as the top level. */
function pathsIn(text: string): { readonly path: string; readonly offset: number }[] {
  const plain = text.replace(variable, (each) => " ".repeat(each.length));
  return [...plain.matchAll(/[\w@.+/-]+/g)]
    .filter(([path]) => path.includes("/") || scriptEnding.test(path))
    .map(({ 0: path, index }) => ({ path: path.replace(/^\/+/, ""), offset: index }));
}

function foldersEntered(text: string): string[] {
  const plain = text.replace(variable, "");
  return [...plain.matchAll(/\b(?:cd|pushd)\s+["']?([\w.+/-]+)/g)].map(([, path = ""]) => path);
}

function isScript({ path, text }: Source): boolean {
  return scriptEnding.test(path) || text.startsWith("#!");
}

const shown = ({ file, line }: Place) => (line === undefined ? file : `${file}:${line}`);
