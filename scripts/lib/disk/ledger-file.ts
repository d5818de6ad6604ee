/** The one place that writes a ledger: adds a row at its end, and never touches what is there. */

import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readFileSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Day } from "../calendar.ts";
import { decodeSource } from "../files/decode.ts";
import {
  faultText,
  type Ledger,
  type MalformedRow,
  mendText,
  parseLedger,
  type Row,
  rowText,
  type Validation,
} from "../files/ledger.ts";
import { error, Refusal, refusal } from "../finding.ts";
import { layout } from "../layout.ts";
import { toWrite } from "./change-files.ts";
import { type FileState, findFile, realPath, reason, wayOut } from "./files.ts";
import { lockFile } from "./lock.ts";

/** Milliseconds to wait for another process that appends; it needs a few. */
const patience = 10_000;

/** Where a row got to. */
export interface Appended {
  /** Its line, from 1. */
  readonly line: number;
  /** The line of the entry before it, if that says the same. */
  readonly repeats: number | undefined;
}

/**
 * Appends a validation to a ledger that exists: under a lock, in one write, brought to the disk and
 * read back.
 *
 * @param today No validation can be dated later.
 * @param shown How messages name the ledger.
 * @throws {Refusal} If the ledger is missing, if its last entries are malformed, or if the row did
 * not get there.
 */
export async function appendRow(
  path: string,
  validation: Validation,
  today: Day,
  shown = path,
): Promise<Appended> {
  const descriptor = await openLocked(path, shown);
  try {
    const before = readFileSync(descriptor);
    const { rows } = read(shown, before, today);
    refuseMalformedEnd(rows, shown);
    write(descriptor, before.length, additionTo(before, validation), shown);
    const line = readBack(path, shown, before, validation, today);
    const last = rows.at(-1);
    return { line, repeats: last?.text === rowText(validation) ? last.line : undefined };
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Refuses at once what `appendRow` would refuse later: for work that takes long before it appends.
 *
 * @throws {Refusal} If the ledger is missing, or its last entries are malformed.
 */
export function refuseUnfitLedger(path: string, today: Day, shown = path): void {
  const descriptor = open(path, shown);
  try {
    refuseMalformedEnd(read(shown, readFileSync(descriptor), today).rows, shown);
  } finally {
    closeSync(descriptor);
  }
}

/** Opens and locks the file that the path means, even if it was replaced while this waited. */
async function openLocked(path: string, shown: string): Promise<number> {
  for (;;) {
    const descriptor = open(path, shown);
    let keep = false;
    try {
      if (!(await lockFile(descriptor, patience))) {
        throw refusal(`Cannot lock ${shown}: another process has held it for too long`, {
          remedy: "Find what else writes the ledger, let it end, and run this again",
        });
      }
      keep = isSame(descriptor, path);
      if (keep) {
        return descriptor;
      }
    } finally {
      if (!keep) {
        closeSync(descriptor);
      }
    }
  }
}

/** Opens a ledger, which must be a file of its checkout. */
function open(path: string, shown: string): number {
  if (find(path, shown) === undefined) {
    // It is not created: a ledger that is not there was named wrongly.
    throw refusal(`ledger ${shown} not found.`, { remedy: nameTheLedger, at: { file: shown } });
  }
  try {
    const { O_RDWR, O_APPEND, O_NONBLOCK, O_NOFOLLOW } = constants;
    return openSync(path, O_RDWR | O_APPEND | O_NONBLOCK | O_NOFOLLOW);
  } catch (thrown) {
    throw refusal(`Cannot open ledger ${shown}: ${reason(thrown)}`, {
      at: { file: shown },
      remedy: wayOut(thrown, shown, "file"),
    });
  }
}

const nameTheLedger =
  "Name the product's checkout: --repo DIR; or its ledger: --append PATH, or --ledger PATH of validate-lab";

/**
 * The ledger, if it is there. A link must not lead to it, from the top level of its checkout on, and
 * it must not be git's own: a row would be written to another file than the one that is committed.
 */
function find(path: string, shown: string): FileState | undefined {
  const named = path.endsWith(`/${layout.ledger}`) ? layout.ledger : basename(path);
  let folder = realPath(dirname(path));
  while (folder !== dirname(folder) && !existsSync(join(folder, ".git"))) {
    if (basename(folder) === ".git") {
      throw refusal(`Cannot write ${shown}: found a file of git's own, expected a ledger`, {
        at: { file: shown },
        remedy: nameTheLedger,
      });
    }
    folder = dirname(folder);
  }
  return findFile(path.slice(0, -named.length - 1), named, { ...toWrite, shown });
}

function isSame(descriptor: number, path: string): boolean {
  const opened = fstatSync(descriptor, { bigint: true });
  const named = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return named?.ino === opened.ino && named.dev === opened.dev;
}

function read(shown: string, bytes: Uint8Array, today: Day): Ledger {
  return parseLedger(decodeSource(shown, bytes, { lenient: true }), today);
}

/** Refuses to bury rows that somebody can still mend. */
function refuseMalformedEnd(rows: readonly Row[], shown: string): void {
  const lastValid = rows.findLastIndex(({ kind }) => kind === "entry");
  const end = rows.slice(lastValid + 1) as MalformedRow[];
  if (end.length > 0) {
    throw new Refusal(
      end.map((row) =>
        error(
          `Cannot append to ${shown}: line ${row.line} at its end is malformed: ${faultText(row)}`,
          {
            remedy: `${mendText(row)}, by hand`,
            at: row.faults[0].at,
          },
        ),
      ),
    );
  }
}

/** The row with the file's own line ending, after the final line ending that may be missing. */
function additionTo(before: Uint8Array, validation: Validation): Uint8Array {
  const text = new TextDecoder().decode(before.subarray(-2));
  const ending = endsLinesWithCrlf(before) ? "\r\n" : "\n";
  const missing =
    before.length === 0 || text.endsWith("\n") ? "" : text.endsWith("\r") ? "\n" : ending;
  return new TextEncoder().encode(`${missing}${rowText(validation)}${ending}`);
}

/** Whether the last line ending of a file is CRLF. */
function endsLinesWithCrlf(bytes: Uint8Array): boolean {
  const end = bytes.lastIndexOf(10);
  return end > 0 ? bytes[end - 1] === 13 : bytes.at(-1) === 13;
}

function write(descriptor: number, size: number, addition: Uint8Array, shown: string): void {
  let written: number;
  try {
    written = writeSync(descriptor, addition);
    if (written === addition.length) {
      fsyncSync(descriptor);
      return;
    }
  } catch (thrown) {
    throw refusal(`Cannot append to ${shown}: ${reason(thrown)}`, {
      remedy: `Look at the end of ${shown} before you run this again`,
      at: { file: shown },
    });
  }
  const isOurs = fstatSync(descriptor).size === size + written;
  if (isOurs) {
    ftruncateSync(descriptor, size);
  }
  throw refusal(
    `Cannot append to ${shown}: only ${written} of ${addition.length} bytes could be written`,
    {
      remedy: isOurs
        ? "Nothing was kept of the row: make room on the disk and run this again"
        : `Make room on the disk, and look at the end of ${shown}`,
      at: { file: shown },
    },
  );
}

/** Finds the new row in the file that the path means now, behind all that was there before. */
function readBack(
  path: string,
  shown: string,
  before: Uint8Array,
  validation: Validation,
  today: Day,
): number {
  const after = find(path, shown)?.bytes ?? new Uint8Array();
  const text = rowText(validation);
  const linesBefore = before.reduce((count, byte) => count + (byte === 10 ? 1 : 0), 0);
  const row = read(shown, after, today).rows.findLast(
    (each) => each.kind === "entry" && each.text === text && each.line > linesBefore,
  );
  if (row === undefined || Buffer.compare(after.subarray(0, before.length), before) !== 0) {
    throw refusal(`Cannot confirm the new row of ${shown}: it does not read back as written`, {
      remedy: `Compare the end of ${shown} with: git diff`,
      at: { file: shown },
    });
  }
  return row.line;
}
