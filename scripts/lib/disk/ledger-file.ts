/** Writes a ledger: appends a row, or repairs the separators of one. No other module writes it. */

import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { Day } from "../calendar.ts";
import { decodeSource } from "../files/decode.ts";
import {
  beginLedger,
  type Ledger,
  malformedEnd,
  malformedFindings,
  parseLedger,
  rowText,
  type Validation,
} from "../files/ledger.ts";
import { error, Refusal, refusal } from "../finding.ts";
import type { Repository } from "../git/repository.ts";
import { layout } from "../layout.ts";
import { changeFiles, toWrite } from "./change-files.ts";
import { type FileState, findFile, realPath } from "./files.ts";

/** Milliseconds to wait for another process that writes to the checkout. Writing takes a few. */
const lockLimit = 10_000;

/** How to name another ledger, for remedies. */
export const theProduct =
  "the product's checkout: --repo DIR; or its ledger: --append PATH, or --ledger PATH of validate-lab";

/**
 * Appends a validation to an existing ledger, and reads it back. The change is atomic, and waits for
 * another process that writes the ledger.
 *
 * @param today No validation can be dated later.
 * @param shown The name of the ledger in messages.
 * @returns The line of the row, from 1.
 * @throws {Refusal} If the ledger is missing, if its last rows are malformed, or if the row could
 * not be appended.
 */
export async function appendRow(
  path: string,
  validation: Validation,
  today: Day,
  shown = path,
): Promise<number> {
  const text = rowText(validation);
  let last = 0;
  await rewrite(path, shown, (bytes) => {
    parseFit(bytes, today, shown);
    const after = Buffer.concat([bytes, additionTo(bytes, text)]);
    last = parse(after, today, shown).rows.at(-1)?.line ?? 0;
    return after;
  });
  // Other processes may have appended to it since.
  const { rows } = parse(readFileSync(path), today, shown);
  const added = rows.find(({ line }) => line === last);
  if (added?.kind !== "entry" || added.text !== text) {
    throw refusal(`Cannot confirm the new row of ${shown}: it does not read back as written`, {
      remedy: `Compare the end of ${shown} with: git diff`,
      at: { file: shown },
    });
  }
  return last;
}

/**
 * Refuses a ledger that `appendRow` would refuse, also because its folder cannot be written. Long
 * work calls it before it begins.
 *
 * @throws {Refusal} As `appendRow` does.
 */
export async function refuseUnfitLedger(path: string, today: Day, shown = path): Promise<void> {
  await rewrite(path, shown, (bytes) => {
    parseFit(bytes, today, shown);
    return undefined;
  });
}

/**
 * Rewrites a malformed row of a checkout's ledger with one tab between its columns, if only its
 * separators are wrong. The change is atomic, and keeps every other byte.
 *
 * @param line The row's line, from 1.
 * @returns The new row.
 * @throws {Refusal} If the ledger is missing, the row cannot be repaired, or writing fails.
 */
export async function repairRow(repository: Repository, line: number, today: Day): Promise<string> {
  const { ledger } = layout;
  let repaired = "";
  await rewrite(join(repository.root, ledger), ledger, (bytes) => {
    repaired = repairOf(parse(bytes, today, ledger), line);
    // Latin-1 preserves every byte of the other lines, even invalid UTF-8.
    const lines = Buffer.from(bytes).toString("latin1").split("\n");
    lines[line - 1] = `${repaired}${lines[line - 1]?.endsWith("\r") ? "\r" : ""}`;
    return Buffer.from(lines.join("\n"), "latin1");
  });
  return repaired;
}

/** Returns the repaired text of a line. */
function repairOf({ rows, source }: Ledger, line: number): string {
  const row = rows.find((each) => each.line === line);
  if (row?.kind === "malformed" && row.repaired !== undefined) {
    return row.repaired;
  }
  const isEntry = row?.kind === "entry";
  const why = row === undefined ? "found no row there" : isEntry ? "found a valid row" : row.fault;
  throw refusal(`Cannot repair line ${line} of ${source.path}: ${why}`, {
    at: { file: source.path, line },
    remedy: "Name a line in which only the separators are wrong: check-ledger.ts names its repair",
  });
}

/**
 * Replaces the bytes of a ledger under the lock of its checkout. The caller defers signals.
 *
 * @param edit Returns the new bytes; undefined to change nothing.
 */
async function rewrite(
  path: string,
  shown: string,
  edit: (bytes: Uint8Array) => Uint8Array | undefined,
): Promise<void> {
  if (!existsSync(path)) {
    // Its folder may be missing as well, and has no lock then.
    findLedger(path, shown);
  }
  const top = checkoutOf(path);
  const prepare = () => {
    const before = findLedger(path, shown);
    const bytes = edit(before.bytes);
    const after = bytes && { bytes, mode: before.mode };
    return after ? [{ path: relative(top, path), before, after }] : [];
  };
  await changeFiles(top, prepare, () => false, lockLimit);
}

/**
 * Returns the ledger at a path. Links below the top level of its checkout are refused, because the row
 * would go to another file than the committed one.
 */
function findLedger(path: string, shown: string): FileState {
  const details = {
    at: { file: shown },
    remedy: `Name ${theProduct}`,
  };
  if (`${realPath(dirname(path))}/`.includes("/.git/")) {
    const found = "found a file in a git directory, expected a ledger";
    throw refusal(`Cannot write ${shown}: ${found}`, details);
  }
  const top = checkoutOf(path);
  const found = findFile(top, relative(top, path), { ...toWrite, shown });
  if (found === undefined) {
    // The ledger is never created: a missing one means that the name is wrong.
    throw refusal(`ledger ${shown} not found.`, {
      ...details,
      remedy: `${details.remedy}. ${beginLedger}`,
    });
  }
  return found;
}

/** Returns the nearest parent folder that has a `.git`, or else the folder of the file. */
export function checkoutOf(path: string): string {
  let top = dirname(path);
  while (!existsSync(join(top, ".git"))) {
    if (top === dirname(top)) {
      return dirname(path);
    }
    top = dirname(top);
  }
  return top;
}

function parse(bytes: Uint8Array, today: Day, shown: string): Ledger {
  return parseLedger(decodeSource(shown, bytes, { lenient: true }), today);
}

/** Returns a ledger that may grow: malformed rows at its end could still be corrected. */
function parseFit(bytes: Uint8Array, today: Day, shown: string): Ledger {
  const ledger = parse(bytes, today, shown);
  const faults = malformedFindings(
    malformedEnd(ledger),
    error,
    ({ line }) => `Cannot append to ${shown}: line ${line} at its end is malformed`,
  );
  if (faults.length > 0) {
    throw new Refusal(faults);
  }
  return ledger;
}

/** Returns the row with the file's line ending, and before it a missing final line ending. */
function additionTo(before: Uint8Array, row: string): Uint8Array {
  const text = Buffer.from(before).toString("latin1");
  const ending = /\r(?:\n[^\n]*)?$/.test(text) ? "\r\n" : "\n";
  const missing =
    text === "" || text.endsWith("\n") ? "" : ending.slice(text.endsWith("\r") ? 1 : 0);
  return Buffer.from(`${missing}${row}${ending}`);
}
