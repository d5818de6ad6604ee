/** The vocabulary of every check: what was found, how bad it is, where, and the way out. */

/** A position in a text file. Lines and columns are 1-based; a column counts UTF-16 code units. */
export interface Place {
  /** Path relative to the top level of the repository, or the path the operator named. */
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

export type Level = "error" | "warning" | "notice";

/**
 * One answer of a check. An `error` refuses, a `warning` asks for a look, a `notice` is evidence
 * for a pass: a check that answers with nothing has not passed.
 */
export interface Finding {
  readonly level: Level;
  readonly message: string;
  /** What the operator can do about it, as one instruction. */
  readonly remedy?: string;
  readonly at?: Place;
  /** The commit that was judged, when it was not the work tree. */
  readonly commit?: string;
}

/** The optional parts of a finding; `undefined` counts as absent. */
export interface Details {
  readonly remedy?: string | undefined;
  /** A place, or what finds it out once it is asked for: to find one may cost a parse of the file. */
  readonly at?: Place | (() => Place) | undefined;
  readonly commit?: string | undefined;
}

function finding(level: Level, message: string, { remedy, at, commit }: Details): Finding {
  const made: Finding = {
    level,
    message,
    ...(remedy === undefined ? {} : { remedy }),
    ...(at === undefined || typeof at === "function" ? {} : { at }),
    ...(commit === undefined ? {} : { commit }),
  };
  return typeof at === "function" ? withPlaceLater(made, at) : made;
}

function withPlaceLater(made: Finding, find: () => Place): Finding {
  let place: Place | undefined;
  return Object.defineProperty(made, "at", {
    enumerable: true,
    get() {
      place ??= find();
      return place;
    },
  });
}

/** A finding that refuses. */
export function error(message: string, details: Details = {}): Finding {
  return finding("error", message, details);
}

/** A finding that deserves a look and refuses nothing. */
export function warning(message: string, details: Details = {}): Finding {
  return finding("warning", message, details);
}

/** A finding that names the evidence of a pass. */
export function notice(message: string, details: Details = {}): Finding {
  return finding("notice", message, details);
}

/** Whether findings add up to a pass: a notice as evidence, and no error. */
export function isPass(findings: readonly Finding[]): boolean {
  return (
    findings.some(({ level }) => level === "notice") &&
    findings.every(({ level }) => level !== "error")
  );
}

/**
 * The end of a command that was refused, or could not find out: carries the findings to report.
 * Code that only computes throws it; the command line turns it into exit code 1.
 */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly findings: readonly Finding[];

  constructor(findings: Finding | readonly Finding[]) {
    const all: readonly Finding[] = Array.isArray(findings) ? findings : [findings as Finding];
    super(all.map((each) => each.message).join("\n"));
    this.findings = all;
  }
}

/** A refusal with one error: `throw refusal("Cannot …", { remedy: "…" })`. */
export function refusal(message: string, details: Details = {}): Refusal {
  return new Refusal(error(message, details));
}

/** A syntax error in a file that knows its place; what `lib/files/` parsers throw. */
export class LocatedSyntaxError extends SyntaxError {
  readonly at: Place;
  readonly remedy: string | undefined;

  constructor(message: string, at: Place, remedy?: string) {
    super(message);
    this.at = at;
    this.remedy = remedy;
  }
}

/**
 * The findings that a thrown refusal, or a syntax error in a file, stands for.
 *
 * @throws {unknown} The value itself, if it is neither: a defect is no finding.
 */
export function findingsOf(thrown: unknown): readonly Finding[] {
  if (thrown instanceof Refusal) {
    return thrown.findings;
  }
  if (thrown instanceof LocatedSyntaxError) {
    return [error(thrown.message, { at: thrown.at, remedy: thrown.remedy })];
  }
  throw thrown;
}

/** What became of a question: its answer, or the findings that stand in for it. */
export type Attempt<T> =
  | { readonly value: T; readonly findings?: never }
  | { readonly value?: never; readonly findings: readonly Finding[] };

/** Asks a question; a refusal comes back as findings, so that other questions still count. */
export async function attempt<T>(question: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await question() };
  } catch (thrown) {
    return { findings: findingsOf(thrown) };
  }
}

/**
 * Returns the answer for each item, in their order.
 *
 * @throws {Refusal} If any ends in a refusal: with the findings of all that do.
 */
export function answerAll<Item, T>(items: readonly Item[], answer: (item: Item) => T): T[] {
  const findings: Finding[] = [];
  const answers = items.flatMap((item) => {
    try {
      return [answer(item)];
    } catch (thrown) {
      findings.push(...findingsOf(thrown));
      return [];
    }
  });
  if (findings.length > 0) {
    throw new Refusal(findings);
  }
  return answers;
}

/**
 * Waits for questions that were asked at once. If several end in a refusal, the first of them in this
 * order is thrown, whichever came first.
 */
export async function together<T extends readonly unknown[]>(
  ...questions: T
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(questions);
  return await Promise.all(questions);
}

/** Quotes a value that came from outside so that its ends and its line breaks are visible. */
export function quote(value: string): string {
  const shown = value.length > 120 ? `${value.slice(0, 117)}...` : value;
  return JSON.stringify(shown);
}

/** A text as one word of a shell. */
export function shellWord(text: string): string {
  return /^[\w./@+:-][\w./@+:=,-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
