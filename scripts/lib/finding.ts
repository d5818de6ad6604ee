/** Findings: the results of every check, with a level, a place and a remedy. */

/** A position in a text file. Lines and columns are 1-based; a column counts UTF-16 code units. */
export interface Place {
  /** Path relative to the top level of the repository, or the path the operator named. */
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

export type Level = "error" | "warning" | "notice";

/**
 * One result of a check. An `error` refuses, a `warning` asks the operator to look, a `notice` is
 * evidence for a pass. A check without any finding has not passed.
 */
export interface Finding {
  readonly level: Level;
  readonly message: string;
  /** One instruction for the operator. */
  readonly remedy?: string;
  readonly at?: Place;
  /** Further places of the same fault. */
  readonly also?: readonly Place[];
  /** The commit that was checked; undefined if it was the work tree. */
  readonly commit?: string;
  /** Set for a row of evidence that a report without faults prints only with `--verbose`. */
  readonly detail?: true;
}

/** The optional parts of a finding. */
export interface Details {
  readonly remedy?: string | undefined;
  /** A place, or a function that returns it: finding one may require parsing the file again. */
  readonly at?: Place | (() => Place) | undefined;
  readonly also?: readonly Place[] | undefined;
  readonly commit?: string | undefined;
}

function finding(level: Level, message: string, { remedy, at, also, commit }: Details): Finding {
  const made: Finding = {
    level,
    message,
    ...(remedy === undefined ? {} : { remedy }),
    ...(at === undefined || typeof at === "function" ? {} : { at }),
    ...(also === undefined || also.length === 0 ? {} : { also }),
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

/** Returns a finding that refuses. */
export function error(message: string, details: Details = {}): Finding {
  return finding("error", message, details);
}

/** Returns a finding that asks the operator to look, but refuses nothing. */
export function warning(message: string, details: Details = {}): Finding {
  return finding("warning", message, details);
}

/** Returns a finding that states evidence for a pass. */
export function notice(message: string, details: Details = {}): Finding {
  return finding("notice", message, details);
}

/** Returns evidence that a report without faults prints only with `--verbose`. */
export function detail(message: string, details: Details = {}): Finding {
  return Object.assign(notice(message, details), { detail: true as const });
}

/**
 * Makes the evidence among findings details, if it is more than some rows.
 *
 * @returns Whether it is, so that a sum must take its place.
 */
export function foldRows(findings: readonly Finding[], most = 10): boolean {
  const rows = findings.filter(({ level }) => level === "notice");
  const isLong = rows.length > most;
  for (const row of isLong ? rows : []) {
    Object.assign(row, { detail: true });
  }
  return isLong;
}

/** Reports whether findings are a pass: at least one notice and no error. */
export function isPass(findings: readonly Finding[]): boolean {
  return (
    findings.some(({ level }) => level === "notice") &&
    findings.every(({ level }) => level !== "error")
  );
}

/**
 * Is thrown when a command refuses or cannot find out. It carries the findings to report, and the
 * command line turns it into exit code 1.
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

/** Returns a refusal with one error: `throw refusal("Cannot …", { remedy: "…" })`. */
export function refusal(message: string, details: Details = {}): Refusal {
  return new Refusal(error(message, details));
}

/** A syntax error with its place in a file. The parsers of `lib/files/` throw it. */
export class LocatedSyntaxError extends SyntaxError {
  readonly at: Place;
  readonly remedy: string | undefined;
  readonly also: readonly Place[] | undefined;

  constructor(message: string, at: Place, remedy?: string, also?: readonly Place[]) {
    super(message);
    this.at = at;
    this.remedy = remedy;
    this.also = also;
  }
}

/**
 * Returns the findings of a thrown refusal or syntax error in a file.
 *
 * @throws {unknown} The value itself, if it is neither: it is a defect.
 */
export function findingsOf(thrown: unknown): readonly Finding[] {
  if (thrown instanceof Refusal) {
    return thrown.findings;
  }
  if (thrown instanceof LocatedSyntaxError) {
    return [error(thrown.message, { at: thrown.at, remedy: thrown.remedy, also: thrown.also })];
  }
  throw thrown;
}

/** The result of a question: its value, or the findings of its refusal. */
export type Attempt<T> =
  | { readonly value: T; readonly findings?: never }
  | { readonly value?: never; readonly findings: readonly Finding[] };

/** Asks a question. Returns a refusal as findings, so that the caller can ask further questions. */
export async function attempt<T>(question: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await question() };
  } catch (thrown) {
    return { findings: findingsOf(thrown) };
  }
}

/**
 * Returns the answers for all items, in the order of the items.
 *
 * @throws {Refusal} If some answers are refusals, with the findings of all of them.
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
 * Waits for all of several questions. If some of them fail, throws the error of the first one in
 * argument order, so that the result does not depend on timing.
 */
export async function together<T extends readonly unknown[]>(
  ...questions: T
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(questions);
  return await Promise.all(questions);
}

/** Returns an external value in quotes, with line breaks escaped, and shortened if it is long. */
export function quote(value: string): string {
  const shown = value.length > 120 ? `${value.slice(0, 117)}...` : value;
  return JSON.stringify(shown);
}

/** Returns a text quoted as one word of a shell. */
export function shellWord(text: string): string {
  return /^[\w./@+:-][\w./@+:=,-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
