/** The one place that writes a ledger: appends a row, or rewrites one whose separators are at fault. */

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
import { dirname, join, relative } from "node:path";
import type { Day } from "../calendar.ts";
import { decodeSource } from "../files/decode.ts";
import {
  type Ledger,
  type MalformedRow,
  malformedEnd,
  malformedFindings,
  parseLedger,
  repairText,
  rowText,
  type Validation,
} from "../files/ledger.ts";
import { error, Refusal, refusal } from "../finding.ts";
import type { Repository } from "../git/repository.ts";
import { layout } from "../layout.ts";
import { changeFiles, toWrite } from "./change-files.ts";
import { type FileState, findFile, realPath, reason, wayOut } from "./files.ts";
import { lockFile } from "./lock.ts";

/** Milliseconds to wait for another process that writes the ledger; it needs a few. */
const lockLimit = 10_000;

/** Where a row was appended. */
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
 * @throws {Refusal} If the ledger is missing, if its last rows are malformed, or if the row could
 * not be appended.
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
    const ledger = read(shown, before, today);
    refuseMalformedEnd(ledger, shown);
    const addition = additionTo(before, validation);
    write(descriptor, before.length, addition, shown);
    const line = readBack(path, shown, Buffer.concat([before, addition]), validation, today);
    const last = ledger.rows.at(-1);
    return { line, repeats: last?.text === rowText(validation) ? last.line : undefined };
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Refuses at once what `appendRow` would refuse later: for work that takes long before it appends.
 *
 * @throws {Refusal} If the ledger is missing, or its last rows are malformed.
 */
export function refuseUnfitLedger(path: string, today: Day, shown = path): void {
  const descriptor = open(path, shown);
  try {
    refuseMalformedEnd(read(shown, readFileSync(descriptor), today), shown);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Rewrites a malformed row of a checkout's ledger with one tab between its columns, if its
 * separators alone are at fault: under the lock of `appendRow`, atomically, no other byte changed.
 *
 * @param line The row's line, from 1.
 * @param isInterrupted Whether to stop before anything is changed. The caller holds off signals.
 * @returns The row as it is now; undefined if it was interrupted.
 * @throws {Refusal} If the ledger is missing, the row is not such a one, or it could not be written.
 */
export async function repairRow(
  repository: Repository,
  line: number,
  today: Day,
  isInterrupted: () => boolean,
): Promise<string | undefined> {
  const { ledger } = layout;
  const path = join(repository.root, ledger);
  const descriptor = await openLocked(path, ledger);
  try {
    const bytes = readFileSync(descriptor);
    const repaired = repairOf(read(ledger, bytes, today), line);
    // Latin-1 keeps every byte of the other lines, UTF-8 or not.
    const lines = bytes.toString("latin1").split("\n");
    lines[line - 1] = `${repaired}${lines[line - 1]?.endsWith("\r") ? "\r" : ""}`;
    const mode = fstatSync(descriptor).mode & 0o7777;
    const change = {
      path: ledger,
      before: { bytes, mode },
      after: { bytes: Buffer.from(lines.join("\n"), "latin1"), mode },
    };
    const outcome = await changeFiles(repository.root, () => [change], isInterrupted);
    return outcome === "changed" ? repaired : undefined;
  } finally {
    closeSync(descriptor);
  }
}

/** Returns what a line becomes once it is repaired. */
function repairOf({ rows, source }: Ledger, line: number): string {
  const row = rows.find((each) => each.line === line);
  if (row?.kind !== "malformed") {
    const found = row === undefined ? "no row" : "a valid row";
    throw refusal(`Cannot repair line ${line} of ${source.path}: found ${found} there`, {
      at: { file: source.path, line },
      remedy: "Name a line that check-ledger.ts reports as malformed",
    });
  }
  if (row.repaired === undefined) {
    throw refusal(
      `Cannot repair line ${line} of ${source.path}: more than its separators is wrong: ${row.fault}`,
      { at: row.at, remedy: repairText(row) },
    );
  }
  return row.repaired;
}

/** Opens and locks the file that the path means, even if it was replaced while this waited. */
async function openLocked(path: string, shown: string): Promise<number> {
  for (;;) {
    const descriptor = open(path, shown);
    const isLocked = await lockFile(descriptor, lockLimit);
    if (isLocked && isSame(descriptor, path)) {
      return descriptor;
    }
    closeSync(descriptor);
    if (!isLocked) {
      throw refusal(`Cannot lock ${shown}: another process has held it for too long`, {
        remedy: "Find what else writes the ledger, let it end, and run this again",
      });
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
 * Returns the ledger, if it is there. No link may lead to it, from the top level of its checkout on:
 * a row would be written to another file than the one that is committed.
 */
function find(path: string, shown: string): FileState | undefined {
  if (isGitsOwn(path)) {
    throw refusal(`Cannot write ${shown}: found a file in a git directory, expected a ledger`, {
      at: { file: shown },
      remedy: nameTheLedger,
    });
  }
  const top = topLevel(path);
  return findFile(top, relative(top, path), { ...toWrite, shown });
}

/** Reports whether a file lies in a git directory, whatever links lead to it. */
function isGitsOwn(path: string): boolean {
  let folder = realPath(dirname(path));
  while (!["HEAD", "objects", "refs"].every((name) => existsSync(join(folder, name)))) {
    if (folder === dirname(folder)) {
      return false;
    }
    folder = dirname(folder);
  }
  return true;
}

/** The top level of the checkout that a path, as it is written, leads into; else the file's folder. */
function topLevel(path: string): string {
  let top = dirname(path);
  while (!existsSync(join(top, ".git"))) {
    if (top === dirname(top)) {
      return dirname(path);
    }
    top = dirname(top);
  }
  return top;
}

function isSame(descriptor: number, path: string): boolean {
  const opened = fstatSync(descriptor, { bigint: true });
  const named = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return named?.ino === opened.ino && named.dev === opened.dev;
}

function read(shown: string, bytes: Uint8Array, today: Day): Ledger {
  return parseLedger(decodeSource(shown, bytes, { lenient: true }), today);
}

/** Refuses to bury malformed rows, which can still be repaired or removed where they are. */
function refuseMalformedEnd(ledger: Ledger, shown: string): void {
  const end = malformedEnd(ledger);
  if (end.length > 0) {
    const action = `Cannot append to ${shown}`;
    const one = ({ line }: MalformedRow) => `${action}: line ${line} at its end is malformed`;
    throw new Refusal(malformedFindings(end, error, action, one));
  }
}

/** Returns the row with the file's own line ending, after the final line ending that may be missing. */
function additionTo(before: Uint8Array, validation: Validation): Uint8Array {
  const text = new TextDecoder().decode(before.subarray(-2));
  const ending = endsLinesWithCrlf(before) ? "\r\n" : "\n";
  const missing =
    before.length === 0 || text.endsWith("\n") ? "" : text.endsWith("\r") ? "\n" : ending;
  return new TextEncoder().encode(`${missing}${rowText(validation)}${ending}`);
}

/** Reports whether the last line ending of a file is CRLF. */
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
  if (fstatSync(descriptor).size === size + written) {
    ftruncateSync(descriptor, size);
  }
  throw refusal(
    `Cannot append to ${shown}: only ${written} of ${addition.length} bytes could be written`,
    {
      remedy: `Make room on the disk, look at the end of ${shown}, and run this again`,
      at: { file: shown },
    },
  );
}

/** Returns the line of the new row, once the file that the path means now is as it was written. */
function readBack(
  path: string,
  shown: string,
  expected: Uint8Array,
  validation: Validation,
  today: Day,
): number {
  const after = find(path, shown)?.bytes ?? new Uint8Array();
  const row = read(shown, after, today).rows.at(-1);
  const isValid = row?.kind === "entry" && row.text === rowText(validation);
  if (row === undefined || !isValid || Buffer.compare(after, expected) !== 0) {
    throw refusal(`Cannot confirm the new row of ${shown}: it does not read back as written`, {
      remedy: `Compare the end of ${shown} with: git diff`,
      at: { file: shown },
    });
  }
  return row.line;
}
