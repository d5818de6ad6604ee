/** The ledger's history: which commits touched it, under whatever name, and when tags were made. */

import { type Day, dayOf } from "../../scripts/lib/calendar.ts";
import { refusal } from "../../scripts/lib/finding.ts";
import { isObjectId, type ObjectId, type Repository, text } from "../../scripts/lib/git/git.ts";
import { layout } from "../../scripts/lib/layout.ts";
import { isVersion } from "../../scripts/lib/version.ts";
import { findPredecessor, type LedgerBlob, type ReadLedger } from "./ledger-blob.ts";

/** A commit that touched the ledger. */
export interface LedgerCommit {
  readonly id: ObjectId;
  readonly subject: string;
  /** The committer's day, as git shows it. */
  readonly date: string;
  /** Undefined if the commit has no ledger. */
  readonly ledger: LedgerBlob | undefined;
  /** The ledgers of its parents that have one. */
  readonly parents: readonly (LedgerBlob & { readonly commit: ObjectId })[];
}

/**
 * The commits that touched a ledger, parents first, across renames. A merge counts if its ledger is
 * not the one of each of its parents. Where git sees no rename, because most rows were rewritten,
 * a ledger came from the file that was removed with its coming and reads as one.
 *
 * @param head The full name of the commit whose history it is.
 * @param path The ledger's path there.
 * @throws {Refusal} If git cannot tell, or the clone is shallow.
 */
export async function findLedgerCommits(
  repository: Repository,
  head: ObjectId,
  read: ReadLedger,
  path: string = layout.ledger,
): Promise<LedgerCommit[]> {
  const [shallow, output] = await Promise.all([
    text(repository, "find out whether this clone is shallow", [
      "rev-parse",
      "--is-shallow-repository",
    ]),
    text(repository, purpose, [...logOptions, head, "--"]),
  ]);
  if (shallow.trim() !== "false") {
    throw refusal(`Cannot ${purpose}: this clone is shallow, and its history ends too early`, {
      remedy:
        "Fetch the whole history: git fetch --unshallow (in GitHub Actions, check out with fetch-depth: 0)",
    });
  }
  const records = parseLog(output);
  if (records.at(-1)?.id !== head) {
    throw incomplete();
  }
  let names = namesOf(records, [path]);
  for (;;) {
    const commits = touching(records, names);
    const found = await earlierNames(records, commits, read);
    const older = found.filter((name) => !names.includes(name));
    if (older.length === 0) {
      return commits;
    }
    names = namesOf(records, [...names, ...older]);
  }
}

const purpose = "list the commits that touched the ledger";

/**
 * All that the operator's configuration could change about the answer is named. A merge is compared
 * with its first parent alone: with every parent, the answer would outgrow the history.
 */
const logOptions = [
  ...["-c", "diff.orderFile=/dev/null", "log", "-z", "--reverse", "--topo-order", "--raw"],
  ...["--root", "--find-renames", "-l0", "--no-abbrev", "--diff-merges=first-parent"],
  ...["--no-show-signature", "--no-color", "--no-relative", "--no-ext-diff", "--no-textconv"],
  "--encoding=UTF-8",
  "--format=%x01%H%x00%P%x00%cs%x00%s",
];

function incomplete() {
  return refusal(`Cannot ${purpose}: git log gave an incomplete answer`, {
    remedy: "Check the repository: git fsck",
  });
}

interface LogRecord {
  readonly id: ObjectId;
  readonly parents: readonly ObjectId[];
  readonly date: string;
  readonly subject: string;
  readonly entries: readonly LogEntry[];
}

/** A file that a commit changed. */
interface LogEntry {
  /** Where it was; the same as `to` unless it was renamed. */
  readonly from: string;
  readonly to: string;
  /** Undefined if it was not there, or no regular file. */
  readonly before: ObjectId | undefined;
  /** Undefined if it is gone, or no regular file any more. */
  readonly blob: ObjectId | undefined;
}

/** Reads what `logOptions` ask for: four fields a commit, then its changed files, all ended by NUL. */
function parseLog(output: string): LogRecord[] {
  const fields = output.split("\0");
  const records: LogRecord[] = [];
  let at = 0;
  const take = () => {
    const field = fields[at];
    at += 1;
    if (field === undefined) {
      throw incomplete();
    }
    return field;
  };
  while (at < fields.length - 1) {
    const id = take().slice(1);
    const parents = take()
      .split(" ")
      .filter((each) => each !== "");
    const date = take();
    const subject = take();
    if (![id, ...parents].every(isObjectId)) {
      throw incomplete();
    }
    const entries: LogEntry[] = [];
    while (/^\n?:/.test(fields[at] ?? "")) {
      const [was = "", is = "", before = "", blob = "", status = ""] = take().trim().split(" ");
      const from = take();
      const to = /^[RC]/.test(status) ? take() : from;
      entries.push({
        from,
        to,
        before: was.startsWith(":100") ? before : undefined,
        blob: is.startsWith("100") ? blob : undefined,
      });
    }
    records.push({ id, parents, date, subject, entries });
  }
  return records;
}

/** Every name that the ledger ever had, as far as git sees renames; those known already first. */
function namesOf(records: readonly LogRecord[], known: readonly string[]): string[] {
  const sources = new Map<string, string[]>();
  for (const { from, to } of records.flatMap(({ entries }) => entries)) {
    if (from !== to) {
      sources.set(to, [...(sources.get(to) ?? []), from]);
    }
  }
  const names = new Set(known);
  // A set that grows while it is walked is walked to its new end.
  for (const name of names) {
    for (const source of sources.get(name) ?? []) {
      names.add(source);
    }
  }
  return [...names];
}

/** The names of what ledgers came from that no parent of their commit has under a known name. */
async function earlierNames(
  records: readonly LogRecord[],
  commits: readonly LedgerCommit[],
  read: ReadLedger,
): Promise<string[]> {
  const changes = new Map(records.map(({ id, entries }) => [id, entries]));
  const names: string[] = [];
  for (const { id, ledger, parents } of commits) {
    if (ledger !== undefined && parents.length === 0) {
      const removed = removedIn(changes.get(id) ?? []);
      const found =
        removed.length > 0 && (await findPredecessor(await read(ledger), removed, read));
      names.push(...(found ? [found.path] : []));
    }
  }
  return names;
}

function removedIn(entries: readonly LogEntry[]): LedgerBlob[] {
  return entries.flatMap(({ from, to, before, blob }) =>
    before !== undefined && (from !== to || blob === undefined)
      ? [{ path: from, blob: before }]
      : [],
  );
}

type Files = ReadonlyMap<string, ObjectId>;

function touching(records: readonly LogRecord[], names: readonly string[]): LedgerCommit[] {
  const files = new Map<ObjectId, Files>();
  const ledgerOf = (commit: ObjectId): LedgerBlob | undefined => {
    const known = files.get(commit);
    const path = names.find((name) => known?.has(name));
    const blob = path === undefined ? undefined : known?.get(path);
    return path === undefined || blob === undefined ? undefined : { path, blob };
  };
  const commits: LedgerCommit[] = [];
  for (const { id, parents, date, subject, entries } of records) {
    if (!parents.every((parent) => files.has(parent))) {
      throw incomplete();
    }
    const [first] = parents;
    const before: Files = (first !== undefined && files.get(first)) || new Map();
    files.set(id, filesAfter(before, entries, names));
    const ledger = ledgerOf(id);
    const earlier = parents.map((commit) => ({ commit, found: ledgerOf(commit) }));
    const isSame = (found: LedgerBlob | undefined) =>
      found?.blob === ledger?.blob && found?.path === ledger?.path;
    if (
      parents.length === 0 ? ledger !== undefined : !earlier.every(({ found }) => isSame(found))
    ) {
      commits.push({
        id,
        subject,
        date,
        ledger,
        parents: earlier.flatMap(({ commit, found }) => (found ? [{ commit, ...found }] : [])),
      });
    }
  }
  return commits;
}

function filesAfter(before: Files, entries: readonly LogEntry[], names: readonly string[]): Files {
  const ours = entries.filter(({ from, to }) => names.includes(from) || names.includes(to));
  if (ours.length === 0) {
    return before;
  }
  const after = new Map(before);
  for (const { from } of ours) {
    after.delete(from);
  }
  for (const { to, blob } of ours) {
    if (blob !== undefined && names.includes(to)) {
      after.set(to, blob);
    }
  }
  return after;
}

/**
 * The day in UTC on which each version was tagged, by tag.
 *
 * @throws {Refusal} If git cannot tell.
 */
export async function findTagDays(repository: Repository): Promise<ReadonlyMap<string, Day>> {
  const what = "list the tags of versions";
  const { tagPrefix } = layout;
  const format = "--format=%(refname:strip=2) %(creatordate:unix)";
  const output = await text(repository, what, ["for-each-ref", format, `refs/tags/${tagPrefix}*`]);
  const days = new Map<string, Day>();
  for (const row of output.split("\n").filter((each) => each !== "")) {
    const [tag = "", seconds = ""] = row.split(" ");
    // A tag of a tree or a file has no date, and is no release.
    if (isVersion(tag.slice(tagPrefix.length)) && /^[0-9]{1,11}$/.test(seconds)) {
      days.set(tag, dayOf(new Date(Number(seconds) * 1000)));
    }
  }
  return days;
}
