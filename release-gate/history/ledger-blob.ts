/** Ledgers among git's objects: how one is read, and which removed file was the ledger before. */

import type { Day } from "../../scripts/lib/calendar.ts";
import { decodeSource } from "../../scripts/lib/files/decode.ts";
import {
  entriesOf,
  type Ledger,
  malformedOf,
  parseLedger,
} from "../../scripts/lib/files/ledger.ts";
import { refusal } from "../../scripts/lib/finding.ts";
import { type ObjectId, type Repository, text } from "../../scripts/lib/git/git.ts";
import type { Objects } from "../../scripts/lib/git/objects.ts";

/** A file that a commit has, which is or may be its ledger. */
export interface LedgerBlob {
  readonly path: string;
  readonly blob: ObjectId;
}

/** Reads a file as a ledger. */
export type ReadLedger = (file: LedgerBlob) => Promise<Ledger>;

/** How many ledgers stay read: a parent is mostly the commit before; all of them would be too many. */
const keptLedgers = 16;

/**
 * A reader of ledgers, which remembers the latest.
 *
 * @throws {Refusal} When it reads, if git has no such blob.
 */
export function ledgerReader(objects: Objects, today: Day): ReadLedger {
  const ledgers = new Map<string, Ledger>();
  return async (file) => {
    const key = `${file.blob} ${file.path}`;
    const ledger =
      ledgers.get(key) ?? (await readBlob(objects, file, today, [...ledgers.values()]));
    ledgers.delete(key);
    ledgers.set(key, ledger);
    const [oldest] = ledgers.keys();
    if (ledgers.size > keptLedgers && oldest !== undefined) {
      ledgers.delete(oldest);
    }
    return ledger;
  };
}

async function readBlob(
  objects: Objects,
  { path, blob }: LedgerBlob,
  today: Day,
  earlier: readonly Ledger[],
): Promise<Ledger> {
  const object = await objects.find(blob);
  if (object?.type !== "blob") {
    throw refusal(`Cannot read ${path} from git: there is no blob ${blob}`, {
      remedy: "Check the repository: git fsck",
    });
  }
  return parseLedger(
    decodeSource(path, object.bytes, { lenient: true }),
    today,
    earlier.toReversed(),
  );
}

/**
 * The file that a ledger was before, among those that were removed when it came: one that reads as
 * a ledger, however little the two have in common. Of several, the one that has most of its rows.
 *
 * @throws {Refusal} If a file cannot be read.
 */
export async function findPredecessor(
  ledger: Ledger,
  removed: readonly LedgerBlob[],
  read: ReadLedger,
): Promise<LedgerBlob | undefined> {
  const rows = new Set(ledger.rows.map((row) => row.text));
  let best: { readonly file: LedgerBlob; readonly shared: number } | undefined;
  for (const file of removed) {
    const candidate = await read(file);
    const entries = entriesOf(candidate);
    const shared = entries.filter((entry) => rows.has(entry.text)).length;
    // In a text that only quotes rows, most lines are none.
    const isLedger = entries.length > malformedOf(candidate).length;
    if (isLedger && (best === undefined || shared > best.shared)) {
      best = { file, shared };
    }
  }
  return best?.file;
}

/**
 * The files of a commit that are gone, in order.
 *
 * @param to The commit that they are gone from; undefined for the work tree.
 * @throws {Refusal} If git cannot tell.
 */
export async function findRemoved(
  repository: Repository,
  from: ObjectId,
  to: ObjectId | undefined,
): Promise<LedgerBlob[]> {
  const purpose = `list the files of ${from} that were removed`;
  const options = ["-r", "-z", "--raw", "--no-abbrev", "--no-renames", "--diff-filter=D"];
  const trees = to === undefined ? [from] : [from, to];
  const command = to === undefined ? "diff-index" : "diff-tree";
  const output = await text(repository, purpose, [command, ...options, ...trees, "--"]);
  const fields = output.split("\0");
  return fields.flatMap((field, index) => {
    const [mode = "", , blob = ""] = field.split(" ");
    const path = fields[index + 1];
    return index % 2 === 0 && mode.startsWith(":100") && path !== undefined ? [{ path, blob }] : [];
  });
}
