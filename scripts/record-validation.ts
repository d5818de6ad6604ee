#!/usr/bin/env bun
/**
 * Records the verdict of a simulation lab run as one row of the ledger (PROCEDURE step 4).
 *
 * Usage: bun scripts/record-validation.ts vX.Y.Z PASS|FAIL [--lab DIR] [--append [LEDGER]]
 *
 * The row names the commit at HEAD of the lab. Standard output has the row and nothing else.
 *
 * Exit codes: 0 recorded, 1 refused, 2 wrong command line, 130 interrupted.
 */

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { dayOf } from "./lib/calendar.ts";
import {
  command,
  type Invocation,
  main,
  nonEmpty,
  operand,
  option,
  optionWithDefault,
  versionOf,
} from "./lib/cli.ts";
import { realPath } from "./lib/disk/files.ts";
import { appendRow, checkoutOf, theProduct } from "./lib/disk/ledger-file.ts";
import { isVerdict, rowText, type Validation, type Verdict } from "./lib/files/ledger.ts";
import { attempt, type Finding, quote, type Refusal, refusal, warning } from "./lib/finding.ts";
import { type Checkout, readCheckout } from "./lib/git/checkout.ts";
import { gitLine, type ObjectId, short } from "./lib/git/git.ts";
import { findRepository, type Repository } from "./lib/git/repository.ts";
import { layout } from "./lib/layout.ts";
import type { Json } from "./lib/report.ts";

/** The remedy for another folder than the lab's checkout. */
export const nameTheLab = "Name the lab's checkout with --lab DIR";

/**
 * Opens the lab's checkout, which holds the named folder or else the current one.
 *
 * @throws {Refusal} If the folder is in no checkout, or in the product's, whose commit is not the lab's.
 */
export async function openLab(
  { cwd, env, interrupt }: Invocation,
  named = ".",
): Promise<Repository> {
  const folder = resolve(cwd, named);
  const lab = await findRepository(folder, env, interrupt.signal);
  if (!("root" in lab)) {
    throw refusal(`Cannot find the lab's checkout at ${folder}: ${lab.why}`, {
      remedy: lab.remedy ?? nameTheLab,
    });
  }
  if (existsSync(join(lab.root, layout.workspaceManifest))) {
    const { readWorkspace } = await import("./lib/files/cargo.ts");
    const { workTree } = await import("./lib/disk/work-tree.ts");
    const { crates } = await readWorkspace(workTree(lab.root));
    if (crates.some(({ name }) => name === layout.product)) {
      throw isProduct(lab, `the crate ${layout.product}`, nameTheLab);
    }
  }
  return lab;
}

function isProduct({ root }: Repository, what: string, remedy: string): Refusal {
  const found = `it has ${what}, so it is the product`;
  return refusal(`Cannot use ${root} as the lab: ${found}`, { remedy });
}

/**
 * Returns the abbreviated commit of the lab for the ledger, as `git rev-parse --short` prints it but with
 * at least 7 digits: the lab's git configuration may ask for fewer.
 *
 * @throws {Refusal} If git fails.
 */
export async function findLabCommit(lab: Repository, head: ObjectId): Promise<string> {
  const { length } = await gitLine(lab, "read the lab's commit", ["rev-parse", "--short", head]);
  return head.slice(0, Math.max(length, 7));
}

/** The most paths that a warning names. */
const namedPaths = 5;

/** Returns the first paths and the number of the others, for a message. */
export function namePaths(paths: readonly string[]): string {
  const more = paths.length > namedPaths ? `, and ${paths.length - namedPaths} more` : "";
  return paths.slice(0, namedPaths).map(quote).join(", ") + more;
}

/** The end of the remedy for a lab commit that may not identify what ran. */
export const removeRow = "if this run has a row in the ledger, remove it before you commit";

/** Returns warnings if the lab's commit may not identify what ran, or may become unreachable. */
export function checkLab({ head, branch, changes }: Checkout): Finding[] {
  const id = short(head);
  const { mainBranch } = layout;
  const where =
    branch === undefined
      ? "its HEAD is detached"
      : `it is on branch ${quote(branch.replace("refs/heads/", ""))}`;
  const dirty = warning(
    `the lab's working tree is dirty: what ran is not commit ${id}: ${namePaths(changes)}`,
    { remedy: `Commit or remove the changes, rerun the lab, and record that run; ${removeRow}` },
  );
  const elsewhere = warning(`the lab is not on ${mainBranch}: ${where}`, {
    remedy: `Make sure that commit ${id} stays reachable in the lab's repository`,
  });
  return [
    ...(changes.length === 0 ? [] : [dirty]),
    ...(branch === `refs/heads/${mainBranch}` ? [] : [elsewhere]),
  ];
}

/**
 * Returns the absolute path of the named ledger, else of `LEDGER`, else of the ledger of the product's
 * checkout, and prints it.
 *
 * @param named The path that the command line names, or `true` for the default.
 * @throws {Refusal} If no ledger is named, and there is no checkout, or if the ledger is in the lab's.
 */
export async function locateLedger(
  { cwd, env, report, repository }: Invocation,
  lab: Repository,
  named: string | true,
): Promise<string> {
  const given = named === true ? env.LEDGER : named;
  const path = given ? resolve(cwd, given) : join((await repository()).root, layout.ledger);
  if (existsSync(path) && realPath(checkoutOf(realPath(path))) === realPath(lab.root)) {
    throw isProduct(lab, `the ledger ${path}`, `${nameTheLab}; or name ${theProduct}`);
  }
  report.printAside(`ledger: ${path}${given && named === true ? " (from LEDGER)" : ""}`);
  return path;
}

/**
 * Prints the row of a validation, and appends it to a ledger. A row that cannot be appended is an error in
 * the report.
 *
 * @param ledger Absolute path; undefined to append nothing.
 * @param more Further data for the report.
 */
export async function recordRow(
  { report, interrupt }: Invocation,
  validation: Validation,
  ledger: string | undefined,
  more: { readonly [key: string]: Json | undefined } = {},
): Promise<void> {
  const { tag: version, sha: lab, date, verdict } = validation;
  const row = rowText(validation);
  const data = { row, version, lab, date, verdict, ...more };
  report.print(row);
  report.attach(data);
  if (ledger === undefined) {
    return;
  }
  const { value: line, findings = [] } = await attempt(() =>
    interrupt.hold(() => appendRow(ledger, validation, date)),
  );
  report.add(findings);
  if (line !== undefined) {
    report.attach({ ...data, ledger, line });
    report.printAside(`appended as line ${line} of ${ledger}: commit it`);
  }
}

function parseVerdict(text: string): Verdict {
  if (!isVerdict(text)) {
    throw new SyntaxError(`expected PASS or FAIL, found ${quote(text)}`);
  }
  return text;
}

export const table = command({
  name: "scripts/record-validation.ts",
  needs: "ledger",
  summary: "Prints the ledger row of a lab run, and appends it with --append.",
  operands: {
    version: operand(
      "the version that the lab ran, such as v1.2.3 or 1.2.3",
      versionOf(layout.tagPrefix),
    ),
    verdict: operand("the verdict, in capitals", parseVerdict, "PASS|FAIL"),
  },
  options: {
    lab: option("DIR", "the lab's checkout (default: the one of the current folder)", nonEmpty),
    append: optionWithDefault<string | true>(
      "LEDGER",
      `also append the row to the ledger (default: $LEDGER, else ${layout.ledger} of the product's checkout)`,
      nonEmpty,
      true,
    ),
  },
  refuses: [
    "the lab's commit cannot be read",
    "the lab's checkout has the product's crate, or the ledger for --append: it is the product",
    "--append: the ledger is missing, or its last entries are malformed",
    "--append: the row does not read back as written",
  ],
  example: "bun scripts/record-validation.ts v1.2.3 PASS --lab ../lab --append",
  async run(invocation) {
    const { operands, options, now, report } = invocation;
    const lab = await openLab(invocation, options.lab);
    const checkout = await readCheckout(lab);
    const ledger = options.append && (await locateLedger(invocation, lab, options.append));
    const validation: Validation = {
      tag: `${layout.tagPrefix}${operands.version}`,
      sha: await findLabCommit(lab, checkout.head),
      date: dayOf(now),
      verdict: operands.verdict,
    };
    report.add(checkLab(checkout));
    await recordRow(invocation, validation, ledger);
  },
});

if (import.meta.main) {
  await main(table);
}
