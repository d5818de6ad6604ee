/** Judges the changes of each commit to the ledger, across the renames that git follows. */

import type { Day } from "../../scripts/lib/calendar.ts";
import { decodeSource } from "../../scripts/lib/files/decode.ts";
import {
  entriesOf,
  type Ledger,
  type MalformedRow,
  malformedOf,
  parseLedger,
} from "../../scripts/lib/files/ledger.ts";
import { type Finding, notice, quote, refusal, warning } from "../../scripts/lib/finding.ts";
import { gitOutput, type ObjectId, short } from "../../scripts/lib/git/git.ts";
import { refuseShallow } from "../../scripts/lib/git/history.ts";
import type { Objects } from "../../scripts/lib/git/objects.ts";
import type { Repository } from "../../scripts/lib/git/repository.ts";
import { layout } from "../../scripts/lib/layout.ts";
import { type Source, source as sourceOf } from "../../scripts/lib/tree.ts";
import { checkAppendOnly, missingLedger } from "./append-only.ts";

const purpose = "list the commits that touched the ledger";

/** A commit that changed the ledger. */
interface LedgerCommit {
  readonly id: ObjectId;
  readonly parents: readonly ObjectId[];
  /** The committer's date, as git prints it. */
  readonly date: string;
  readonly subject: string;
}

/** The judged history of the ledger up to a commit. */
export interface LedgerHistory {
  readonly findings: readonly Finding[];
  /** The commits that changed the ledger, parents first. */
  readonly commits: readonly ObjectId[];
  /** The ledger of the last commit. */
  readonly last: Ledger | undefined;
}

/**
 * Returns the present name of the ledger, then its former names.
 *
 * @throws {Refusal} If git fails.
 */
export async function ledgerNames(
  repository: Repository,
  objects: Objects,
  head: ObjectId,
): Promise<string[]> {
  // A merge is compared with its first parent. The settings override the operator's configuration.
  const follow = ["-c", "diff.renameLimit=0", "-c", "diff.orderFile=/dev/null"];
  const options = ["--follow", "--diff-merges=first-parent", "--no-show-signature", "-z"];
  const list = [
    "log",
    ...options,
    "--name-only",
    "--format=",
    head,
    "--",
    `:(literal)${layout.ledger}`,
  ];
  const output = await gitOutput(repository, purpose, [...follow, ...list]);
  const names = output.split("\0").map((name) => name.trim());
  if (output === "" && (await findLedgerAt(objects, head, [layout.ledger])) !== undefined) {
    throw incomplete("log");
  }
  return [...new Set([layout.ledger, ...names.filter((name) => name !== "")])];
}

function incomplete(subcommand: string) {
  return refusal(`Cannot ${purpose}: git ${subcommand} gave an incomplete answer`, {
    remedy: "Check the repository: git fsck",
  });
}

/** Returns the ledger of a commit under the first of the names that exists. */
export async function findLedgerAt(
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

/**
 * Judges every commit that changed the ledger. A valid row that is edited, removed, moved or inserted is
 * an error. A malformed row that a later commit repaired or removed is a warning that names both
 * commits. Edited comments are one notice for each commit. Present malformed rows are not reported:
 * `checkLedger` reports them.
 *
 * @throws {Refusal} If git fails, or the clone is shallow.
 */
export async function judgeHistory(
  repository: Repository,
  objects: Objects,
  head: ObjectId,
  today: Day,
): Promise<LedgerHistory> {
  await refuseShallow(repository, purpose);
  const names = await ledgerNames(repository, objects, head);
  const commits = await listCommits(repository, head, names);
  const findings: Finding[] = [];
  /** The commits that added malformed rows, by the text of a row that is not repaired yet. */
  const origins = new Map<string, LedgerCommit>();
  let last: Source | undefined;
  for (const commit of commits) {
    const found = await findLedgerAt(objects, commit.id, names);
    const before = await Promise.all(
      commit.parents.map(async (id) => ({ id, source: await findLedgerAt(objects, id, names) })),
    );
    const earlier = before.flatMap(({ id, source }) => (source ? [{ id, source }] : []));
    const judged = judgeStep(commit, found, earlier, origins, today);
    findings.push(...judged.map((each) => inHistory(each, commit)));
    last = found;
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
  const output = await gitOutput(repository, purpose, list);
  return output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [id = "", parents = "", date = "", subject = ""] = line.split("\0");
      return { id, parents: parents.split(" ").filter((each) => each !== ""), date, subject };
    });
}

/** Compares the ledger of a commit with those of its parents. */
function judgeStep(
  commit: LedgerCommit,
  found: Source | undefined,
  earlier: readonly { readonly id: ObjectId; readonly source: Source }[],
  origins: Map<string, LedgerCommit>,
  today: Day,
): Finding[] {
  if (found === undefined) {
    return [missingLedger()];
  }
  const [only, ...more] = earlier;
  const base = only !== undefined && more.length === 0 ? only.source.text : "";
  if (base.endsWith("\n") && found.text.startsWith(base)) {
    // Nearly every commit only appends: its other rows have been judged before.
    const added = sourceOf(found.path, found.text.slice(base.length));
    noteOrigins(malformedOf(parseLedger(added, today)), commit, origins);
    return [];
  }
  const ledger = parseLedger(found, today);
  const before = earlier.map(({ id, source }) => ({
    ledger: parseLedger(source, today),
    shown: `commit ${short(id)}`,
  }));
  const malformed = malformedOf(ledger);
  const known = before.flatMap((each) => malformedOf(each.ledger));
  const remaining = new Set(malformed.map((row) => row.text));
  const gone = known.filter((row) => !remaining.has(row.text));
  const lines = new Map(entriesOf(ledger).map(({ text: row, line }) => [row, line]));
  const repairs = gone.flatMap((row) => repairOf(row, ledger.source.path, lines, origins, commit));
  const knownTexts = new Set(known.map((row) => row.text));
  noteOrigins(
    malformed.filter((row) => !knownTexts.has(row.text)),
    commit,
    origins,
  );
  return [
    ...(before.length === 0 ? [beginning(ledger)] : []),
    ...checkAppendOnly(ledger, before),
    ...repairs,
  ];
}

function noteOrigins(
  rows: readonly MalformedRow[],
  commit: LedgerCommit,
  origins: Map<string, LedgerCommit>,
): void {
  for (const { text: row } of rows) {
    origins.set(row, commit);
  }
}

/**
 * Returns a warning for a malformed row that a commit repaired or removed, once for each row.
 *
 * @param lines The line of each valid row of the new ledger, by its text.
 */
function repairOf(
  row: MalformedRow,
  file: string,
  lines: ReadonlyMap<string, number>,
  origins: Map<string, LedgerCommit>,
  commit: LedgerCommit,
): Finding[] {
  const origin = origins.get(row.text);
  if (origin === undefined) {
    return [];
  }
  origins.delete(row.text);
  const line = lines.get(row.repaired ?? "");
  const became = line === undefined ? "removed" : `repaired in line ${line}`;
  return [
    warning(`Line ${row.line}, malformed since ${nameOf(origin)}, is ${became}`, {
      at: line === undefined ? { file } : { file, line },
      remedy: `To see both commits: git show ${short(origin.id)} ${short(commit.id)}`,
    }),
  ];
}

function beginning({ rows, source }: Ledger): Finding {
  const count = rows.length === 1 ? "1 row" : `${rows.length} rows`;
  return notice(`The ledger begins with ${count}: git finds no earlier file`, {
    at: { file: source.path },
  });
}

function nameOf({ id, date, subject }: LedgerCommit): string {
  return `${short(id)} of ${date}, ${quote(subject)}`;
}

/** Returns a finding with the commit, whose date and subject are added to the message. */
function inHistory(finding: Finding, commit: LedgerCommit): Finding {
  return {
    ...finding,
    message: `${finding.message} (in ${nameOf(commit)})`,
    commit: commit.id,
  };
}
