/** Shared by the two commands that record a lab run: opens the lab, finds the ledger, appends the row. */

import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Invocation } from "../lib/cli.ts";
import { realPath } from "../lib/disk/files.ts";
import type { Appended } from "../lib/disk/ledger-file.ts";
import { attempt, type Finding, quote, refusal, warning } from "../lib/finding.ts";
import type { Checkout } from "../lib/git/checkout.ts";
import { gitLine, type ObjectId, short } from "../lib/git/git.ts";
import { findRepository, type Repository } from "../lib/git/repository.ts";
import { layout } from "../lib/layout.ts";
import type { Json } from "../lib/report.ts";

/** The fewest digits of a commit in the ledger. */
const leastDigits = 7;

/**
 * Returns the abbreviated commit of the lab for the ledger, as `git rev-parse --short` prints it but with
 * at least 7 digits: the lab's git configuration may ask for fewer.
 *
 * @throws {Refusal} If git fails, or HEAD moved meanwhile.
 */
export async function findLabCommit(lab: Repository, head: ObjectId): Promise<string> {
  const abbreviated = await gitLine(lab, "read the lab's commit", ["rev-parse", "--short", "HEAD"]);
  if (!head.startsWith(abbreviated)) {
    throw refusal(
      `Cannot read the lab's commit: HEAD moved from ${short(head)} to ${abbreviated}`,
      {
        remedy: "Run this again while no other program changes the lab's checkout",
      },
    );
  }
  return head.slice(0, Math.max(abbreviated.length, leastDigits));
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
  const findings: Finding[] = [];
  if (changes.length > 0) {
    findings.push(
      warning(
        `the lab's working tree is dirty: what ran is not commit ${short(head)}: ${namePaths(changes)}`,
        {
          remedy: `Commit or remove the changes, rerun the lab, and record that run; ${removeRow}`,
        },
      ),
    );
  }
  const main = layout.mainBranch;
  if (branch !== `refs/heads/${main}`) {
    const where =
      branch === undefined
        ? "its HEAD is detached"
        : `it is on branch ${quote(branch.replace(/^refs\/heads\//, ""))}`;
    findings.push(
      warning(`the lab is not on ${main}: ${where}`, {
        remedy: `Make sure that commit ${short(head)} stays reachable in the lab's repository`,
      }),
    );
  }
  return findings;
}

const nameTheLab = "Name the lab's checkout with --lab DIR";

/**
 * Opens the lab's checkout, which holds the named folder or else the current one.
 *
 * @throws {Refusal} If the folder is in no checkout.
 */
export async function openLab(
  { cwd, env, interrupt }: Pick<Invocation, "cwd" | "env" | "interrupt">,
  named: string | undefined,
): Promise<Repository> {
  const folder = resolve(cwd, named ?? ".");
  const lab = await findRepository(folder, env, interrupt.signal);
  if ("root" in lab) {
    return lab;
  }
  throw refusal(`Cannot find the lab's checkout at ${folder}: ${lab.why}`, {
    remedy: lab.remedy ?? nameTheLab,
  });
}

/** Returns a warning if the lab has a ledger: it may be the product, whose commit is not the lab's. */
export function checkIsLab(lab: Repository): Finding[] {
  return existsSync(join(lab.root, layout.ledger))
    ? [
        warning(`${lab.root} has a ${layout.ledger}: it looks like the product, not like the lab`, {
          remedy: nameTheLab,
        }),
      ]
    : [];
}

/**
 * Refuses a lab whose checkout holds the ledger: the row would name a commit of the product.
 *
 * @throws {Refusal} If the lab's checkout holds the ledger.
 */
export async function refuseProduct(
  lab: Repository,
  head: ObjectId,
  ledger: string,
): Promise<void> {
  if (!existsSync(ledger)) {
    return;
  }
  // If git finds no checkout there, it is not the lab's, which git has found.
  const holder = await findRepository(dirname(realPath(ledger)), lab.env, lab.signal);
  if ("root" in holder && realPath(holder.root) === realPath(lab.root)) {
    throw refusal(
      `Cannot record ${short(head)} as the lab's commit: ${lab.root} holds the ledger ${ledger}, so it is the product`,
      { remedy: nameTheLab },
    );
  }
}

/** The ledger that receives the row. */
export interface NamedLedger {
  /** Absolute path. */
  readonly path: string;
  /** Where the path is from, if neither from the command line nor from the checkout. */
  readonly because?: string;
}

/**
 * Returns the named ledger, else `LEDGER`, else the ledger of the product's checkout.
 *
 * @param append The path that the command line names, or `true` for the default.
 * @throws {Refusal} If no ledger is named, and there is no checkout.
 */
export async function locateLedger(
  { cwd, env, repository }: Pick<Invocation, "cwd" | "env" | "repository">,
  append: string | true,
): Promise<NamedLedger> {
  if (append !== true) {
    return { path: resolve(cwd, append) };
  }
  if (env.LEDGER) {
    return { path: resolve(cwd, env.LEDGER), because: "from LEDGER" };
  }
  return { path: join((await repository()).root, layout.ledger) };
}

/**
 * Appends the row of a run to the ledger, and reports its line. A row that cannot be appended is an error
 * in the report.
 *
 * @param ledger Undefined to append nothing.
 * @param append Appends the row, and returns its line.
 * @param data The run, for the report.
 */
export async function recordRow(
  { report, interrupt }: Pick<Invocation, "report" | "interrupt">,
  ledger: NamedLedger | undefined,
  append: (path: string) => Promise<Appended>,
  data: { readonly [key: string]: Json | undefined },
): Promise<void> {
  report.attach(data);
  if (ledger === undefined) {
    return;
  }
  const { path } = ledger;
  const { value, findings = [] } = await attempt(() => interrupt.hold(() => append(path)));
  report.add(findings);
  if (value !== undefined) {
    report.attach({ ...data, ledger: path, line: value.line });
    if (value.repeats !== undefined) {
      report.printAside(`line ${value.repeats} is the same row`);
    }
    report.printAside(`appended as line ${value.line} of ${path}: commit it`);
  }
}
