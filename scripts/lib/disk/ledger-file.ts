/** Writes a ledger: appends a row, or repairs the separators of one. No other module writes it. */

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

/** Milliseconds to wait for another process that writes the ledger. Writing takes a few. */
const lockLimit = 10_000;

/** An appended row. */
export interface Appended {
  /** Its line, from 1. */
  readonly line: number;
  /** The line of the row before it, if the two are identical. */
  readonly repeats: number | undefined;
}

/**
 * Appends a validation to an existing ledger under a lock, in one write, flushes it to the disk and
 * reads it back.
 *
 * @param today No validation can be dated later.
 * @param shown The name of the ledger in messages.
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
 * Refuses a ledger that `appendRow` would refuse. Long work calls it before it begins.
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
 * Rewrites a malformed row of a checkout's ledger with one tab between its columns, if only its
 * separators are wrong. The change is atomic, under the lock of `appendRow`, and keeps every other
 * byte.
 *
 * @param line The row's line, from 1.
 * @param isInterrupted Reports whether to stop before the change. The caller defers signals.
 * @returns The new row; undefined after an interrupt.
 * @throws {Refusal} If the ledger is missing, the row cannot be repaired, or writing fails.
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
    // Latin-1 preserves every byte of the other lines, even invalid UTF-8.
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

/** Returns the repaired text of a line. */
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

/** Opens and locks the file at a path. Tries again if another process has replaced it meanwhile. */
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
    // The ledger is never created: a missing one means that the name is wrong.
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
 * Returns the ledger, or undefined if it is missing. Links below the top level of its checkout are
 * refused, because the row would go to another file than the committed one.
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

/** Reports whether a file lies in a git directory, after resolving links. */
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

/** Returns the nearest parent folder that has a `.git`, or else the folder of the file. */
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

/** Refuses to append after malformed rows: at the end of the file they can still be corrected. */
function refuseMalformedEnd(ledger: Ledger, shown: string): void {
  const end = malformedEnd(ledger);
  if (end.length > 0) {
    const action = `Cannot append to ${shown}`;
    const one = ({ line }: MalformedRow) => `${action}: line ${line} at its end is malformed`;
    throw new Refusal(malformedFindings(end, error, action, one));
  }
}

/** Returns the row with the file's line ending, and before it a missing final line ending. */
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
      remedy: `Free disk space, look at the end of ${shown}, and run this again`,
      at: { file: shown },
    },
  );
}

/** Reads the ledger back, checks that it is as written, and returns the line of the new row. */
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
