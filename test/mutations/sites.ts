/** Every place in the sources that makes an `error` finding. */

import { readFileSync } from "node:fs";
import { join, normalize } from "node:path";
import { SyntaxKind } from "typescript/unstable/ast";
import { projectRoot } from "../helpers/world.ts";
import { closingOf, type Token, tokensOf } from "./tokens.ts";

/** A call whose answer is an `error` finding, named by what outlives a shift of lines. */
export interface Site {
  readonly file: string;
  /** The function or the constant that the call is in. */
  readonly within: string;
  /** How the finding begins in the source; calls that begin alike are numbered. */
  readonly finding: string;
  /** Where the name of the called function begins. */
  readonly offset: number;
  /** The called function: `error`, or one that words an error for several rules. */
  readonly callee: string;
}

/** Of findings that begin alike up to here, a number tells which is meant. */
const shownLength = 90;

/** A function that is called, and where it is declared. */
interface Name {
  readonly file: string;
  readonly name: string;
}

interface Read {
  readonly file: string;
  readonly text: string;
  readonly tokens: readonly Token[];
  readonly functions: readonly Declared[];
  /** Names imported from other sources, as they are called here. */
  readonly imported: ReadonlyMap<string, Name>;
}

interface Declared {
  readonly name: string;
  /** The tokens between its braces, as indices. */
  readonly from: number;
  readonly to: number;
  readonly makesOne: boolean;
}

const origin = "scripts/lib/finding.ts";
/** What ends a process says so on its streams: its tests run processes, where no mutant can be. */
const leftOut = ["scripts/lib/cli.ts"];

/** The sources that are mutated, from the top level, in order. */
export function sourcesUnder(root = projectRoot): string[] {
  return ["scripts/**/*.ts", "release-gate/**/*.ts"]
    .flatMap((pattern) => [...new Bun.Glob(pattern).scanSync(root)])
    .filter((file) => !leftOut.includes(file))
    .sort();
}

/** Every site in the sources of this project, in the order of files and lines. */
export function findSites(): Site[] {
  return sitesIn(
    new Map(sourcesUnder().map((file) => [file, readFileSync(join(projectRoot, file), "utf8")])),
  );
}

/**
 * Every site in sources: a use of `error`, and of what stands for it: a constant set to it, or a
 * function that answers one finding and makes it by `error`. Where several callers have such a
 * function word their errors, each of them has a rule of its own.
 */
export function sitesIn(sources: ReadonlyMap<string, string>): Site[] {
  const read = [...sources].map(([file, text]) => readSource(file, text));
  const makers = makersOf(read);
  const counts = countsOf(read, makers);
  return read.flatMap((source) => numbered(sitesOf(source, makers, counts)));
}

function readSource(file: string, text: string): Read {
  const tokens = tokensOf(text);
  return {
    file,
    text,
    tokens,
    functions: functionsIn(tokens),
    imported: importsIn(file, tokens),
  };
}

function functionsIn(tokens: readonly Token[]): Declared[] {
  return tokens.flatMap((token, index) => {
    const name = tokens[index + 1];
    if (token.kind !== SyntaxKind.FunctionKeyword || name?.kind !== SyntaxKind.Identifier) {
      return [];
    }
    const parameters = next(tokens, index, SyntaxKind.OpenParenToken, token.depth);
    const close = closingOf(tokens, parameters);
    const from = bodyAfter(tokens, close, token.depth);
    const type = tokens.slice(close + 1, from).map(({ text }) => text);
    const makesOne = type.join("") === ":Finding";
    return [{ name: name.text, from, to: closingOf(tokens, from), makesOne }];
  });
}

/** The brace that opens a body: one after `:`, `|` or `<` opens a type. */
function bodyAfter(tokens: readonly Token[], close: number, depth: number): number {
  return tokens.findIndex(
    ({ kind, depth: own }, index) =>
      index > close &&
      own === depth &&
      kind === SyntaxKind.OpenBraceToken &&
      !/^[:|&<]$/.test(tokens[index - 1]?.text ?? ""),
  );
}

function next(tokens: readonly Token[], from: number, kind: SyntaxKind, depth: number): number {
  return tokens.findIndex(
    (token, index) => index > from && token.kind === kind && token.depth === depth,
  );
}

function importsIn(file: string, tokens: readonly Token[]): Map<string, Name> {
  const imported = new Map<string, Name>();
  for (const [index, token] of tokens.entries()) {
    if (token.kind !== SyntaxKind.ImportKeyword || token.depth > 0) {
      continue;
    }
    const from = tokens.findIndex(({ text }, at) => at > index && text === "from");
    const specifier = tokens[from + 1]?.text.slice(1, -1) ?? "";
    const names = tokens.slice(index, from).map(({ text }) => text);
    for (const each of names.join(" ").split(/[{},]/)) {
      const [, name, alias = name] = /^ ?(\w+)(?: as (\w+))? ?$/.exec(each) ?? [];
      if (name !== undefined && alias !== undefined && specifier.startsWith(".")) {
        imported.set(alias, { file: normalize(join(file, "..", specifier)), name });
      }
    }
  }
  return imported;
}

const keyOf = ({ file, name }: Name) => `${file}#${name}`;

/** `error`, and every function or constant that stands for it, directly or through others. */
function makersOf(sources: readonly Read[]): Set<string> {
  const makers = new Set([keyOf({ file: origin, name: "error" })]);
  for (let before = 0; before !== makers.size; ) {
    before = makers.size;
    for (const source of sources) {
      const uses = usesIn(source, makers);
      for (const { name, from, to, makesOne } of source.functions) {
        if (makesOne && uses.some(({ index }) => index > from && index < to)) {
          makers.add(keyOf({ file: source.file, name }));
        }
      }
      for (const { constant } of uses) {
        if (constant !== undefined) {
          makers.add(keyOf({ file: source.file, name: constant }));
        }
      }
    }
  }
  return makers;
}

/** A maker's name where it is called, or handed on. */
interface Use {
  /** Of the token. */
  readonly index: number;
  readonly key: string;
  readonly isCall: boolean;
  /** The constant that is set to the maker, or to an arrow function that calls it. */
  readonly constant: string | undefined;
}

function usesIn({ file, tokens, imported }: Read, makers: ReadonlySet<string>): Use[] {
  return tokens.flatMap(({ kind, text }, index) => {
    const key = keyOf(imported.get(text) ?? { file, name: text });
    const before = tokens[index - 1]?.text ?? "";
    const after = tokens[index + 1]?.text ?? "";
    const isUse =
      kind === SyntaxKind.Identifier &&
      makers.has(key) &&
      !/^(?:\.|\?\.|function|const|typeof|import)$/.test(before) &&
      !(after === "=" || (after === ":" && /^[{,(]$/.test(before))) &&
      !isImport(tokens, index);
    const isCall = after === "(";
    const named = !isCall || before === "=>" ? constantOf(tokens, index) : undefined;
    return isUse ? [{ index, key, isCall, constant: named }] : [];
  });
}

function isImport(tokens: readonly Token[], index: number): boolean {
  const start = tokens.findLastIndex(({ depth }, at) => at < index && depth === 0);
  return tokens
    .slice(Math.max(0, start - 2), start + 1)
    .some(({ kind }) => kind === SyntaxKind.ImportKeyword);
}

/** The constant of `const NAME = …`, if the token stands in what it is set to. */
function constantOf(tokens: readonly Token[], index: number): string | undefined {
  const depth = tokens[index]?.depth;
  const start = tokens.findLastIndex(
    ({ kind, depth: own }, at) =>
      at < index && own === depth && /^(?:Const|Semicolon)/.test(SyntaxKind[kind]),
  );
  const isConstant = tokens[start]?.kind === SyntaxKind.ConstKeyword;
  return isConstant ? tokens[start + 1]?.text : undefined;
}

function sitesOf(source: Read, makers: ReadonlySet<string>, counts: Counts): Site[] {
  const { file, tokens } = source;
  const uses = usesIn(source, makers);
  const called = new Set(uses.filter(({ isCall }) => isCall).map(({ index }) => index));
  return uses
    .filter(
      ({ index, key, isCall, constant }) =>
        (isCall || constant === undefined) &&
        (key === keyOf({ file: origin, name: "error" }) || (counts.get(key) ?? 0) > 1) &&
        (isCall || !called.has(calleeAround(tokens, index))),
    )
    .map(({ index, isCall }) => ({
      file,
      within: holderOf(source, index),
      finding: beginningOf(source, isCall ? index : calleeAround(tokens, index)),
      offset: tokens[index]?.offset ?? 0,
      callee: tokens[index]?.text ?? "",
    }));
}

/** The name before the parenthesis around a token, as an index. */
function calleeAround(tokens: readonly Token[], index: number): number {
  const depth = tokens[index]?.depth ?? 0;
  return tokens.findLastIndex(({ depth: own }, at) => at < index && own < depth) - 1;
}

/** How often each maker is used in all sources. */
type Counts = ReadonlyMap<string, number>;

function countsOf(sources: readonly Read[], makers: ReadonlySet<string>): Counts {
  const counts = new Map<string, number>();
  for (const { key } of sources.flatMap((source) => usesIn(source, makers))) {
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

function holderOf({ tokens, functions }: Read, index: number): string {
  const around = functions.filter(({ from, to }) => from < index && index < to);
  const constant = tokens.findLastIndex(
    ({ kind, depth }, at) => at < index && kind === SyntaxKind.ConstKeyword && depth === 0,
  );
  return around.at(-1)?.name ?? tokens[constant + 1]?.text ?? "";
}

/** The message of a call of `error`, of others the call with what it is given. */
function beginningOf(source: Read, index: number): string {
  const { text, tokens } = source;
  const [name, open] = [tokens[index], tokens[index + 1]];
  const close = tokens[closingOf(tokens, index + 1)];
  if (name === undefined || open === undefined || close === undefined) {
    return "";
  }
  const all = oneLine(text.slice(name.offset, close.offset + 1));
  if (name.text !== "error") {
    return cut(all);
  }
  const comma = next(tokens, index + 1, SyntaxKind.CommaToken, open.depth + 1);
  const end = Math.min(close.offset, tokens[comma]?.offset ?? close.offset);
  const message = oneLine(text.slice(open.offset + 1, end));
  const words = /^\w+$/.test(message) ? wordsOf(source, message, index) : message;
  return cut(words.replace(/^(["`])(.*)\1$/, "$2"));
}

/** What a constant holds that is declared before an index, or its name. */
function wordsOf({ text, tokens }: Read, name: string, before: number): string {
  const at = tokens.findLastIndex(
    (token, index) =>
      index < before && token.text === name && tokens[index - 1]?.kind === SyntaxKind.ConstKeyword,
  );
  const [, equals] = [tokens[at], tokens[at + 1]];
  const end = tokens.findIndex(
    ({ kind }, index) => index > at && kind === SyntaxKind.SemicolonToken,
  );
  return at < 0 || equals?.text !== "="
    ? name
    : oneLine(text.slice(equals.offset + 1, tokens[end]?.offset));
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

function cut(text: string): string {
  return text.length > shownLength ? `${text.slice(0, shownLength)}…` : text;
}

function numbered(sites: readonly Site[]): Site[] {
  const seen = new Map<string, number>();
  return sites.map((site) => {
    const key = JSON.stringify([site.within, site.finding]);
    const count = (seen.get(key) ?? 0) + 1;
    seen.set(key, count);
    return count === 1 ? site : { ...site, finding: `${site.finding} (${count})` };
  });
}
