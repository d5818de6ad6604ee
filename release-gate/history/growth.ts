/** Checks that the ledger was only appended to, since its bases and in every commit of its history. */

import type { Day } from "../../scripts/lib/calendar.ts";
import { decodeSource } from "../../scripts/lib/files/decode.ts";
import {
  type Entry,
  entriesOf,
  type Ledger,
  malformedOf,
  parseLedger,
  type Row,
} from "../../scripts/lib/files/ledger.ts";
import { error, type Finding, notice, quote, refusal, warning } from "../../scripts/lib/finding.ts";
import { gitOutput, type ObjectId, short } from "../../scripts/lib/git/git.ts";
import { findMergeBases, refuseShallow } from "../../scripts/lib/git/history.ts";
import type { Objects } from "../../scripts/lib/git/objects.ts";
import type { Repository } from "../../scripts/lib/git/repository.ts";
import { layout } from "../../scripts/lib/layout.ts";
import { type Source, source as sourceOf } from "../../scripts/lib/tree.ts";

/** An earlier version of a ledger. */
export interface EarlierLedger {
  readonly ledger: Ledger;
  /** Its name in messages, such as `the base`. */
  readonly shown: string;
}

/**
 * Returns an error for the first valid row of each earlier ledger that is edited, removed, moved, or has
 * another row inserted before it, and one notice with the number of edited or removed comments. A
 * malformed row may be removed, or repaired in its place.
 *
 * @param earlier Several for a merge, which must keep the rows of each parent in order; rows of one
 * parent may be between those of another.
 */
export function checkAppendOnly(ledger: Ledger, earlier: readonly EarlierLedger[]): Finding[] {
  const differences = earlier.flatMap((each) => {
    const others = earlier.filter((other) => other !== each);
    const foreign = others.flatMap((other) => entriesOf(other.ledger).map(({ text }) => text));
    return findDifference(each, ledger, new Set(foreign)) ?? [];
  });
  const kept = new Set(commentsOf(ledger));
  const lost = earlier.map(
    (each) => commentsOf(each.ledger).filter((comment) => !kept.has(comment)).length,
  );
  // In a merge, a comment that one parent has edited already does not count.
  const count = lost.length === 0 ? 0 : Math.min(...lost);
  const comments = count === 1 ? "1 comment" : `${count} comments`;
  const from = earlier.map(({ shown }) => shown).join(" and ");
  const at = { file: ledger.source.path };
  const edited = notice(`${comments} of ${from} edited or removed`, { at });
  return count === 0 ? differences : [...differences, edited];
}

const restoreRows =
  "Restore the rows as they were, and append new rows at the end: the ledger is append-only";

function findDifference(
  { ledger: before, shown }: EarlierLedger,
  after: Ledger,
  foreign: ReadonlySet<string>,
): Finding | undefined {
  const rows = entriesOf(after);
  const standing = new Set(malformedOf(after).map(({ text }) => text));
  const meant = before.rows.filter((row) => row.kind === "entry" || !standing.has(row.text));
  const lost = firstLost(entriesOf(before), rows, foreign) && firstLost(meant, rows, foreign);
  if (lost === undefined) {
    return undefined;
  }
  const { row, found } = lost;
  const file = after.source.path;
  const where = found === undefined ? file : `line ${found.line} of ${file}`;
  const instead = found === undefined ? "no more rows" : quote(found.text);
  const expected = `${quote(row.text)} as in line ${row.line} of ${shown}`;
  return error(`Cannot accept ${where}: found ${instead}, expected ${expected}`, {
    at: found === undefined ? { file } : { file, line: found.line },
    remedy: restoreRows,
  });
}

/**
 * Returns the first valid row that is not in its place, and the row that was found there.
 *
 * @param before Valid rows, which must stay, and malformed ones, which may be repaired or removed.
 * @param foreign The texts of rows that may be anywhere.
 */
function firstLost(
  before: readonly Row[],
  after: readonly Entry[],
  foreign: ReadonlySet<string>,
): { readonly row: Row; readonly found: Entry | undefined } | undefined {
  let next = 0;
  for (const found of after) {
    let at = next;
    let row = before[at];
    while (row?.kind === "malformed" && row.repaired !== found.text) {
      at += 1;
      row = before[at];
    }
    if (row === undefined) {
      return undefined;
    }
    if (row.kind === "malformed" || row.text === found.text) {
      next = at + 1;
    } else if (!foreign.has(found.text)) {
      return { row, found };
    }
  }
  const row = before.slice(next).find(({ kind }) => kind === "entry");
  return row && { row, found: undefined };
}

function commentsOf({ source }: Ledger): string[] {
  return source.text
    .split("\n")
    .filter((line) => line.startsWith("#"))
    .map((line) => line.trimEnd());
}

/**
 * Finds the ledgers of the merge bases of the judged commit and its base.
 *
 * @throws {Refusal} If the base is unknown, or git fails.
 */
export async function findBases(
  repository: Repository,
  objects: Objects,
  base: string,
  head: { readonly shown: string; readonly commit: ObjectId },
  today: Day,
) {
  const { base: named, mergeBases } = await findMergeBases(repository, base, head);
  const ledgers: EarlierLedger[] = [];
  for (const commit of mergeBases) {
    const source =
      (await findLedgerAt(objects, commit, [layout.ledger])) ??
      (await findLedgerAt(objects, commit, await ledgerNames(repository, objects, head.commit)));
    if (source !== undefined) {
      const name = source.path === layout.ledger ? "" : ` (${source.path})`;
      const shown = `the base ${short(commit)}${name}`;
      ledgers.push({ ledger: parseLedger(source, today), shown });
    }
  }
  const at = `merge base ${mergeBases.map(short).join(" and ")}`;
  const against = `${head.shown} against base ${named.shown} (${at})`;
  const evidence =
    ledgers.length > 0
      ? notice(against)
      : warning(`${against}, which has no ${layout.ledger}: every row counts as new`, {
          remedy: "If the ledger was copied or restored, judge its whole history: --history",
        });
  return { ledgers, evidence, data: { base: named.shown, mergeBases } };
}

const purpose = "list the commits that touched the ledger";

/**
 * Returns the present name of the ledger, then its former names.
 *
 * @throws {Refusal} If git fails.
 */
async function ledgerNames(
  repository: Repository,
  objects: Objects,
  head: ObjectId,
): Promise<string[]> {
  const { ledger } = layout;
  // A merge is compared with its first parent. The settings override the operator's configuration.
  const follow = ["-c", "diff.renameLimit=0", "-c", "diff.orderFile=/dev/null"];
  const options = ["--follow", "--diff-merges=first-parent", "--no-show-signature", "-z"];
  const list = ["log", ...options, "--name-only", "--format=", head, "--", `:(literal)${ledger}`];
  const output = await gitOutput(repository, purpose, [...follow, ...list]);
  if (output === "" && (await findLedgerAt(objects, head, [ledger])) !== undefined) {
    throw incomplete("log");
  }
  const names = output.split("\0").map((name) => name.trim());
  return [...new Set([ledger, ...names.filter((name) => name !== "")])];
}

function incomplete(subcommand: string) {
  return refusal(`Cannot ${purpose}: git ${subcommand} gave an incomplete answer`, {
    remedy: "Check the repository: git fsck",
  });
}

/** Returns the ledger of a commit under the first of the names that exists. */
async function findLedgerAt(
  objects: Objects,
  commit: ObjectId,
  names: readonly string[],
): Promise<Source | undefined> {
  for (const name of names) {
    const object = await objects.find(`${commit}:${name}`);
    if (object?.type === "blob") {
      return decodeSource(name, object.bytes, { lenient: true });
    }
  }
  return undefined;
}

/** A commit that changed the ledger. */
interface LedgerCommit {
  readonly id: ObjectId;
  readonly parents: readonly ObjectId[];
  /** Its short name, the committer's date and the subject, for a message. */
  readonly shown: string;
}

/**
 * Judges every commit that changed the ledger. A valid row that is edited, removed, moved or inserted is
 * an error. A malformed row that a later commit repaired or removed is a warning that names both
 * commits. Edited comments are one notice for each commit. Present malformed rows are not reported:
 * `checkLedger` reports them.
 *
 * @returns The findings, the commits that changed the ledger, parents first, and the ledger of the last.
 * @throws {Refusal} If git fails, or the clone is shallow.
 */
export async function judgeHistory(
  repository: Repository,
  objects: Objects,
  head: ObjectId,
  today: Day,
) {
  await refuseShallow(repository, purpose);
  const names = await ledgerNames(repository, objects, head);
  const commits = await listCommits(repository, head, names);
  const findings: Finding[] = [];
  /** The commits that added malformed rows, by the text of a row that is not repaired yet. */
  const origins = new Map<string, LedgerCommit>();
  const file = layout.ledger;
  let last: Source | undefined;
  for (const commit of commits) {
    last = await findLedgerAt(objects, commit.id, names);
    const earlier: EarlierSource[] = [];
    for (const id of commit.parents) {
      const source = await findLedgerAt(objects, id, names);
      earlier.push(...(source ? [{ source, shown: `commit ${short(id)}` }] : []));
    }
    const judged =
      last === undefined
        ? [error(`ledger ${file} not found`, { at: { file }, remedy: restoreRows })]
        : judgeStep(commit, last, earlier, origins, today);
    for (const finding of judged) {
      const message = `${finding.message} (in ${commit.shown})`;
      findings.push({ ...finding, message, commit: commit.id });
    }
  }
  const now = await findLedgerAt(objects, head, names);
  if (now?.text !== last?.text) {
    throw incomplete("rev-list");
  }
  if (commits.length > 0 && findings.every(({ level }) => level !== "error")) {
    const count = commits.length === 1 ? "1 commit" : `${commits.length} commits`;
    findings.push(
      notice(`${layout.ledger}: ${count} changed it, and kept every valid row since it began`),
    );
  }
  return {
    findings,
    commits: commits.map(({ id }) => id),
    last: now && parseLedger(now, today),
  };
}

async function listCommits(
  repository: Repository,
  head: ObjectId,
  names: readonly string[],
): Promise<LedgerCommit[]> {
  const order = ["--full-history", "--topo-order", "--reverse", "--no-commit-header"];
  const format = ["--encoding=UTF-8", "--format=%H%x00%P%x00%cs%x00%s"];
  const paths = names.map((name) => `:(literal)${name}`);
  const list = ["rev-list", ...order, ...format, head, "--", ...paths];
  const lines = (await gitOutput(repository, purpose, list)).split("\n");
  return lines
    .filter((line) => line !== "")
    .map((line) => {
      const [id = "", parents = "", date = "", subject = ""] = line.split("\0");
      const shown = `${short(id)} of ${date}, ${quote(subject)}`;
      return { id, parents: parents.split(" ").filter((each) => each !== ""), shown };
    });
}

interface EarlierSource {
  readonly source: Source;
  readonly shown: string;
}

/** Compares the ledger of a commit with those of its parents. */
function judgeStep(
  commit: LedgerCommit,
  found: Source,
  earlier: readonly EarlierSource[],
  origins: Map<string, LedgerCommit>,
  today: Day,
): Finding[] {
  const base = earlier.length === 1 ? (earlier[0]?.source.text ?? "") : "";
  // Nearly every commit only appends: its other rows have been judged before.
  const isAppended = base.endsWith("\n") && found.text.startsWith(base);
  const ledger = parseLedger(
    isAppended ? sourceOf(found.path, found.text.slice(base.length)) : found,
    today,
  );
  const before = isAppended
    ? []
    : earlier.map(({ source, shown }) => ({ ledger: parseLedger(source, today), shown }));
  const malformed = new Set(malformedOf(ledger).map(({ text }) => text));
  const known = before.flatMap((each) => malformedOf(each.ledger));
  const repairs = known.flatMap((row) => {
    const origin = origins.get(row.text);
    if (origin === undefined || malformed.has(row.text)) {
      return [];
    }
    origins.delete(row.text);
    const { path: file } = found;
    const line = entriesOf(ledger).find(({ text }) => text === row.repaired)?.line;
    const became = line === undefined ? "removed" : `repaired in line ${line}`;
    return [
      warning(`Line ${row.line}, malformed since ${origin.shown}, is ${became}`, {
        at: line === undefined ? { file } : { file, line },
        remedy: `To see both commits: git show ${short(origin.id)} ${short(commit.id)}`,
      }),
    ];
  });
  for (const text of malformed.difference(new Set(known.map((row) => row.text)))) {
    origins.set(text, commit);
  }
  const count = ledger.rows.length === 1 ? "1 row" : `${ledger.rows.length} rows`;
  const beginning = notice(`The ledger begins with ${count}: git finds no earlier file`, {
    at: { file: found.path },
  });
  return [
    ...(earlier.length === 0 ? [beginning] : []),
    ...checkAppendOnly(ledger, before),
    ...repairs,
  ];
}
