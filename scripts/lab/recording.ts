/** What both commands that record a lab run share: the lab, the ledger, and the row. */

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

/** The ledger takes no shorter name of a commit. */
const leastDigits = 7;

/**
 * Returns the lab's commit as the ledger names it: as short as `git rev-parse --short` has it, but never
 * shorter than 7 digits, whatever the lab's git configuration says.
 *
 * @throws {Refusal} If git cannot say, or HEAD moved meanwhile.
 */
export async function findLabCommit(lab: Repository, head: ObjectId): Promise<string> {
  const abbreviated = await gitLine(lab, "read the lab's commit", ["rev-parse", "--short", "HEAD"]);
  if (!head.startsWith(abbreviated)) {
    throw refusal(
      `Cannot read the lab's commit: HEAD moved from ${short(head)} to ${abbreviated}`,
      {
        remedy: "Run it again while nothing else works in the lab's checkout",
      },
    );
  }
  return head.slice(0, Math.max(abbreviated.length, leastDigits));
}

/** How many changed paths of the lab a warning names. */
const namedPaths = 5;

/** Returns the first of some paths, and how many more there are, for a message. */
export function namePaths(paths: readonly string[]): string {
  const more = paths.length > namedPaths ? `, and ${paths.length - namedPaths} more` : "";
  return paths.slice(0, namedPaths).map(quote).join(", ") + more;
}

/** Completes the way out of a warning that the lab's commit may not identify what ran. */
export const removeRow = "if this run has a row in the ledger, remove it before you commit";

/** Warns if the lab's commit may not identify what was run, or may get lost. */
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
 * Opens the lab's checkout: the one around the named folder, or around the current one.
 *
 * @throws {Refusal} If there is none.
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

/** Warns if the lab has a ledger: then it looks like the product, whose commit says nothing here. */
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
 * Refuses a lab whose checkout is the one that holds the ledger: a row with the product's own commit
 * would be valid, and false.
 *
 * @throws {Refusal} If it is.
 */
export async function refuseProduct(
  lab: Repository,
  head: ObjectId,
  ledger: string,
): Promise<void> {
  if (!existsSync(ledger)) {
    return;
  }
  // A folder that git finds no checkout around is not in the lab's: that one was found.
  const holder = await findRepository(dirname(realPath(ledger)), lab.env, lab.signal);
  if ("root" in holder && realPath(holder.root) === realPath(lab.root)) {
    throw refusal(
      `Cannot record ${short(head)} as the lab's commit: ${lab.root} holds the ledger ${ledger}, so it is the product`,
      { remedy: nameTheLab },
    );
  }
}

/** The ledger that a row goes to. */
export interface NamedLedger {
  /** Absolute path. */
  readonly path: string;
  /** Who named it, if neither the command line nor the checkout did. */
  readonly because?: string;
}

/**
 * Returns the operand of `--append`, else `LEDGER`, else the ledger of the checkout: that of `--repo`,
 * or the one around this folder.
 *
 * @throws {Refusal} If nobody named a ledger, and there is no checkout.
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
 * Appends the row of a run to the ledger, if one is named, and reports where it is. A row that cannot
 * be appended is an error in the report.
 *
 * @param append Appends the row, and returns where it is.
 * @param data The run as data.
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
