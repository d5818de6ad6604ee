/**
 * The lab gate, which no workflow may invoke: searched in a workflow, in the actions, workflows,
 * scripts and modules of the same tree that it calls, and in what those call.
 *
 * Whatever is not a comment, a display name, a description or a trigger's filter counts as a call: a
 * workflow has no business with the gate. A path of a script counts as a call of it, and in a shell a
 * pattern that leads to the gate. Comments are those of bash and sh; in a step with another shell all
 * counts. What is put together from parts at run time, comes from another repository, or is called
 * through `make` or a Dockerfile is not followed.
 */

import { posix } from "node:path";
import { asTable, type Document, type Path, parseYaml } from "../lib/files/document.ts";
import { attempt, error, type Finding, notice, type Place, quote } from "../lib/finding.ts";
import { layout } from "../lib/layout.ts";
import { isTreePath, type Source, type Tree } from "../lib/tree.ts";
import { breach } from "./breach.ts";
import { isModulePath, readModule } from "./module.ts";
import { readShell } from "./shell.ts";
import { placeOf, valuesOf, type Workflow, yamlWithoutRepeats } from "./workflow.ts";

const { command, folder } = layout.labGate;
const gateFolder = RegExp.escape(folder);
/** The gate in any text, and in text that a shell reads, where the folder alone leads to it. */
const gateInText = new RegExp(`${RegExp.escape(command)}|(?<![\\w.-])${gateFolder}/`);
const gateInShell = new RegExp(
  `${gateInText.source}|(?<![\\w.-])${gateFolder}(?=[\\s"'\`;&|)*?[]|$)`,
);

/** Where a line calls the gate. */
function gateIn(line: string, isShell: boolean): number | undefined {
  const found = (isShell ? gateInShell : gateInText).exec(line)?.index;
  return found ?? (isShell ? patternIn(line) : undefined);
}

/** Where a line has a pattern that a shell may expand to the gate, and that names a part of it. */
function patternIn(line: string): number | undefined {
  const plain = line.replace(variable, (each) => " ".repeat(each.length));
  const entered = new Set([...plain.matchAll(/\b(?:cd|pushd)\s+/g)].map(endOf));
  const words = plain.matchAll(/[\w@.+/*?[\]{},!^-]+/g);
  return [...words].find((match) => {
    const [word] = match;
    const pattern = posix.normalize(word).replace(/^(?:\.{0,2}\/)+/, "");
    const targets = entered.has(match.index) ? [folder] : gateFiles;
    return (
      /[*?[{]/.test(word) &&
      /[a-z]/i.test(pattern.replace(scriptEnding, "")) &&
      targets.some((each) => new Bun.Glob(pattern).match(each))
    );
  })?.index;
}

const endOf = ({ 0: text, index }: RegExpExecArray) => index + text.length;
const gateFiles = ["sh", "ts"].map((ending) => `${folder}/${command}.${ending}`);

const remedy =
  "Remove the call: the gate is the operator's, before the tag; no CI can reproduce a run of the lab";

/** Searches a workflow, and all that it calls, for a call of the lab gate. */
export async function checkLabGate(tree: Tree, { document }: Workflow): Promise<Finding[]> {
  const { file } = document.source.place();
  const search = openSearch(tree, file);
  await search.yaml(document.source);
  const { findings, followed } = search;
  const evidence =
    followed.size === 1
      ? "1 file that it calls was read"
      : `${followed.size} files that it calls were read`;
  return findings.length > 0
    ? findings
    : [
        notice(`${file}: never invokes the lab gate (${evidence})`, {
          at: document.source.place(),
        }),
      ];
}

/** A text that may call something. */
interface Text {
  readonly text: string;
  readonly isShell: boolean;
  /** Whether its shell may read what is behind a `#`. */
  readonly isRaw?: boolean;
  /** Folders that its relative paths may start from. */
  readonly folders: readonly string[];
  /** The calls that led here, as `file:line`. */
  readonly calls: readonly string[];
  place(offset: number): Place;
}

function openSearch(tree: Tree, file: string) {
  const findings: Finding[] = [];
  const followed = new Set<string>();
  const asked = new Set<string>();

  function report(found: string, at: Place, calls: readonly string[]): void {
    const route = calls.length === 0 ? "" : `, called from ${calls.join(", ")}`;
    findings.push(
      breach(file, `the lab gate in ${found}${route}`, "no call of it", { at, remedy }),
    );
  }

  /** What cannot be read refuses, and hides nothing else. */
  async function collect(read: () => Promise<void>): Promise<void> {
    findings.push(...((await attempt(read)).findings ?? []));
  }

  async function text(each: Text): Promise<void> {
    const { isShell, calls, place } = each;
    const code = isShell && each.isRaw !== true ? readShell(each.text).code : each.text;
    const lines = [...code.matchAll(/[^\n]+/g)];
    for (const { 0: line, index } of lines) {
      const gate = gateIn(line, isShell);
      if (gate !== undefined) {
        report(quote(line.trim()), place(index + gate), calls);
      }
    }
    const folders = isShell ? [...each.folders, ...foldersEntered(code)] : each.folders;
    for (const { path, offset } of pathsIn(code)) {
      for (const start of new Set(folders)) {
        await call(posix.join(start, path), () => [...calls, shown(place(offset))]);
      }
    }
    for (const { name, offset } of isShell ? packageScriptsIn(code) : []) {
      await collect(() => packageScript(name, () => [...calls, shown(place(offset))]));
    }
  }

  /** Follows a path, if the tree has a script there. */
  async function call(path: string, calls: () => readonly string[]): Promise<void> {
    const target = posix.normalize(path);
    if (asked.has(target) || !isTreePath(target) || target.startsWith(`${folder}/`)) {
      return;
    }
    asked.add(target);
    await collect(async () => {
      const isFile = (await tree.list(target)).length > 0;
      const found = isFile ? await tree.read(target, { lenient: true }) : undefined;
      if (found !== undefined && isScript(found)) {
        followed.add(target);
        await (isModule(found) ? module : script)(found, calls());
      }
    });
  }

  async function script(source: Source, calls: readonly string[]): Promise<void> {
    const folders = ["", posix.dirname(source.path)];
    await text({ text: source.text, isShell: true, folders, calls, place: source.place });
  }

  async function module(source: Source, calls: readonly string[]): Promise<void> {
    const own = posix.dirname(source.path);
    const { imports, paths, commands } = readModule(source);
    const next = (offset: number | undefined) => () => [...calls, shown(source.place(offset))];
    for (const { text: specifier, offset } of imports.filter((each) =>
      /^\.{0,2}\//.test(each.text),
    )) {
      const target = posix.join(own, specifier);
      if (target.startsWith(`${folder}/`)) {
        report(`an import of ${target}`, source.place(offset), calls);
      }
      for (const ending of ["", ".ts", ".js", "/index.ts", "/index.js"]) {
        await call(`${target}${ending}`, next(offset));
      }
      await call(target.replace(/js(x?)$/, "ts$1"), next(offset));
    }
    for (const { text: path, offset } of paths) {
      if (path.includes(`${folder}/${command}`)) {
        report(quote(path), source.place(offset), calls);
      }
      await call(path, next(offset));
      await call(posix.join(own, path), next(offset));
    }
    for (const { text: line, offset = 0 } of commands) {
      const place = () => source.place(offset);
      await text({ text: line, isShell: true, folders: ["", own], calls, place });
    }
  }

  async function packageScript(name: string, calls: () => readonly string[]): Promise<void> {
    if (asked.has(`script ${name}`)) {
      return;
    }
    asked.add(`script ${name}`);
    const manifest = await tree.read("package.json");
    if (manifest === undefined) {
      return;
    }
    const document = parseYaml(manifest);
    for (const each of [`pre${name}`, name, `post${name}`]) {
      const line = document.at(["scripts", each]);
      if (typeof line === "string") {
        const place = () => document.place(["scripts", each]);
        followed.add(manifest.path);
        await text({ text: line, isShell: true, folders: [""], calls: calls(), place });
      }
    }
  }

  /** Searches a workflow or an action. */
  async function yaml(source: Source, calls: readonly string[]): Promise<void> {
    const document = yamlWithoutRepeats(source);
    const contextIn = (path: Path) => `${contextOf(path)} ${isRaw(document, path)}`;
    const texts = valuesOf(document.data, contextIn).filter(({ path }) => !isName(path));
    const entered = texts
      .filter(({ path }) => path.at(-1) === "working-directory")
      .map(({ value }) => String(value).replace(variable, ""));
    const folders = ["", posix.dirname(source.path), ...entered];
    for (const { path, value } of texts) {
      if (typeof value === "string") {
        const place = (offset: number) => placeOf(document, path, offset);
        const isShell = path.at(-1) === "run" || path.at(-1) === "working-directory";
        const raw = isRaw(document, path.slice(0, -1));
        await text({ text: value, isShell, isRaw: raw, folders, calls, place });
        if (path.at(-1) === "uses" && value.startsWith("./") && !gateInText.test(value)) {
          await uses(value, place(0), calls);
        }
      }
    }
  }

  /** Follows a workflow or an action of the same tree. */
  async function uses(name: string, at: Place, calls: readonly string[]): Promise<void> {
    const path = posix.join(name).replace(/\/$/, "");
    if (asked.has(`uses ${path}`)) {
      return;
    }
    asked.add(`uses ${path}`);
    const candidates = /\.ya?ml$/.test(path)
      ? [path]
      : [`${path}/action.yml`, `${path}/action.yaml`];
    for (const each of candidates.map((candidate) => posix.normalize(candidate))) {
      const found = await tree.read(each);
      if (found !== undefined) {
        followed.add(each);
        await collect(() => yaml(found, [...calls, shown(at)]));
        return;
      }
    }
    findings.push(
      error(`Cannot tell what ${shown(at)} calls: found no ${candidates.join(" or ")}`, {
        at,
        remedy: "Commit what uses names, or correct the path",
      }),
    );
  }

  return {
    findings,
    followed,
    yaml: (source: Source) => collect(() => yaml(source, [])),
  };
}

const shown = ({ file, line }: Place) => (line === undefined ? file : `${file}:${line}`);

/**
 * Whether a step at a path may have a shell in which `#` begins no comment, or begins it elsewhere
 * than in a POSIX shell; where there is no step, what the job and the workflow set is asked.
 */
function isRaw(document: Document, path: Path): boolean {
  const [first, id = ""] = path;
  const job = first === "jobs" ? asTable(document.at(["jobs", id])) : undefined;
  const runners = JSON.stringify([job?.["runs-on"], job?.strategy]);
  const shell =
    asTable(document.at(path))?.shell ??
    [job, asTable(document.data)]
      .map((table) => asTable(asTable(table?.defaults)?.run)?.shell)
      .find((each) => each !== undefined && each !== null) ??
    (/windows/i.test(runners) ? "pwsh" : "bash");
  return !/^(?:bash|sh)(?:(?: --?[a-z]+| pipefail)* \{0\})?$/.test(String(shell));
}

/** Whether a path leads to a filter of a trigger, or to a text that only readers see. */
function isName(path: Path): boolean {
  const shape = path.map((key) => (typeof key === "number" ? "0" : key)).join(" ");
  return names.some((each) => each.test(shape));
}

/** Filters of triggers, display names of workflows, actions, jobs and steps, and descriptions. */
const names = [
  /^on \S+ (?:branches|tags|paths)(?:-ignore)?(?: 0)?$/,
  /^(?:name|run-name|description|author)$/,
  /^jobs \S+ name$/,
  /^(?:jobs \S+|runs) steps 0 name$/,
  /^(?:inputs|outputs) \S+ description$/,
  /^on \S+ (?:inputs|outputs|secrets) \S+ description$/,
];

/** What decides which values below a path are names: an alias may mean something else elsewhere. */
function contextOf(path: Path): string {
  const [first, ...rest] = path;
  const isPlain = path.length > 4 || !holders.includes(String(first));
  return isPlain
    ? ""
    : [first, path.length, ...rest.filter((key) => parts.has(String(key)))].join(" ");
}

/** What names are in, from the top and below. */
const holders = ["on", "jobs", "runs", "inputs", "outputs"];
const parts = new Set(["steps", "inputs", "outputs", "secrets", "branches", "tags", "paths"]);

/** Bounded, as one without an end would be looked through again and again. */
const variable = /\$\{\{[\s\S]{0,999}?\}\}|\$\{[^}]{0,999}\}|\$\w+/g;
const scriptEnding = /\.(?:[cm]?[jt]sx?|sh|bash|zsh|py|rb|pl)$/;

/** What may be a path of a script: variables before a path are taken for a folder of the tree. */
function pathsIn(code: string): { path: string; offset: number }[] {
  const plain = code.replace(variable, (each) => " ".repeat(each.length));
  return [...plain.matchAll(/[\w@.+/-]+/g)]
    .filter(([path]) => path.includes("/") || scriptEnding.test(path))
    .map(({ 0: path, index }) => ({ path: path.replace(/^\/+/, ""), offset: index }));
}

/** Folders that a script changes to. */
function foldersEntered(code: string): string[] {
  const plain = code.replace(variable, "");
  return [...plain.matchAll(/\b(?:cd|pushd)\s+["']?([\w.+/-]+)/g)].map(([, path = ""]) => path);
}

/** Names that may be scripts of package.json. */
function packageScriptsIn(code: string): { name: string; offset: number }[] {
  const calls = /\b(?:npm|pnpm|yarn|bun)(?:@\S{1,99})?\s+(?:run(?:-script)?\s+)?([\w:.-]+)/g;
  return [...code.matchAll(calls)].map((match) => ({ name: match[1] ?? "", offset: match.index }));
}

function isScript({ path, text }: Source): boolean {
  return scriptEnding.test(path) || text.startsWith("#!");
}

function isModule({ path, text }: Source): boolean {
  return isModulePath(path) || /^#!.*\b(?:bun|node|deno)\b/.test(text);
}
