#!/usr/bin/env bun
/**
 * Records the verdict of a simulation lab run as one row of the ledger (PROCEDURE step 4).
 *
 * Usage: bun scripts/record-validation.ts vX.Y.Z PASS|FAIL [--lab DIR] [--append [LEDGER]]
 *
 * Run in the lab's checkout, whose HEAD the row names. Standard output has that row and nothing
 * else. Refuses when the lab's commit cannot be told and, with --append, when the "lab" is the
 * checkout that holds the ledger, when the ledger is missing, when its last entries are malformed, or
 * when the row does not read back.
 *
 * Exit codes: 0 recorded, 1 refused, 2 wrong command line, 130 interrupted.
 */

import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
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
import { isVerdict, rowText, type Validation, type Verdict } from "./lib/files/ledger.ts";
import { attempt, type Finding, quote, refusal, warning } from "./lib/finding.ts";
import { layout } from "./lib/layout.ts";
import type { Report } from "./lib/report.ts";
import { type Checkout, readCheckout } from "./lib/world/checkout.ts";
import { realPath } from "./lib/world/files.ts";
import { findRepository, line, type ObjectId, type Repository, short } from "./lib/world/git.ts";
import { type Appended, appendRow } from "./lib/world/ledger-file.ts";

/** Fewer digits than the ledger takes could stand for more than one commit. */
const leastDigits = 7;

/**
 * The lab's commit as the ledger names it: as short as `git rev-parse --short` has it, but never
 * shorter than 7 digits, whatever the lab's git configuration says.
 *
 * @throws {Refusal} If git cannot say, or HEAD moved meanwhile.
 */
export async function findLabCommit(lab: Repository, head: ObjectId): Promise<string> {
  const abbreviated = await line(lab, "read the lab's commit", ["rev-parse", "--short", "HEAD"]);
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

/**
 * Warns where the lab's commit may not be what was run.
 *
 * @param appended The line of the ledger that names the commit, if it has been appended.
 */
export function checkLab({ head, branch, changes }: Checkout, appended?: number): Finding[] {
  const findings: Finding[] = [];
  if (changes.length > 0) {
    const named = changes.slice(0, namedPaths).map(quote).join(", ");
    const more = changes.length > namedPaths ? `, and ${changes.length - namedPaths} more` : "";
    findings.push(
      warning(
        `the lab's working tree is dirty: what ran is not commit ${short(head)}: ${named}${more}`,
        {
          remedy:
            appended === undefined
              ? "Commit or remove the changes, rerun the lab, and record that run"
              : `Commit or remove the changes, and remove line ${appended}, which is not committed yet; then rerun the lab and record that run`,
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

const nameTheLab = "Run it in the lab's checkout, or name that with --lab DIR";

async function openLab(
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

/** The lab has no ledger: a folder with one is the product's, whose commit says nothing here. */
function checkIsLab(lab: Repository): Finding[] {
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
 */
async function refuseProduct(lab: Repository, head: ObjectId, ledger: string): Promise<void> {
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

interface NamedLedger {
  /** Absolute path. */
  readonly path: string;
  /** Who named it, if neither the command line nor the checkout did. */
  readonly because?: string;
}

/**
 * The operand of `--append`, else `LEDGER`, else the ledger of the checkout of `--repo`, or of the
 * one around this folder if it has one, or of the one that holds this script.
 */
async function locateLedger(
  { cwd, env, repository }: Pick<Invocation, "cwd" | "env" | "repository">,
  append: string | true,
  repo: string | undefined,
): Promise<NamedLedger> {
  if (append !== true) {
    return { path: resolve(cwd, append) };
  }
  if (env.LEDGER) {
    return { path: resolve(cwd, env.LEDGER), because: "from LEDGER" };
  }
  if (repo !== undefined) {
    return { path: join((await repository()).root, layout.ledger) };
  }
  const around = await findRepository(cwd, env);
  const here = "root" in around ? join(around.root, layout.ledger) : undefined;
  const beside = join(import.meta.dir, "..", layout.ledger);
  return { path: here !== undefined && existsSync(here) ? here : beside };
}

function tellAppended(report: Report, path: string, appended: Appended, lab: Checkout): void {
  const { line: at, repeats } = appended;
  if (repeats !== undefined) {
    report.tell(`line ${repeats} is the same row`);
  }
  const unless = lab.changes.length === 0 ? "" : ", if it is to stay";
  report.tell(`appended as line ${at} of ${path}: commit it${unless}`);
}

function parseVerdict(text: string): Verdict {
  if (!isVerdict(text)) {
    throw new SyntaxError(`expected PASS or FAIL, found ${quote(text)}`);
  }
  return text;
}

const table = command({
  name: "scripts/record-validation.ts",
  summary: "Prints the ledger row of a lab run, made in the lab's checkout.",
  operands: {
    version: operand(
      "the version that the lab ran, such as v1.2.3 or 1.2.3",
      versionOf(layout.tagPrefix),
    ),
    verdict: operand("how it ended, in capitals", parseVerdict, "PASS|FAIL"),
  },
  options: {
    lab: option("DIR", "the lab's checkout (default: the one around this folder)", nonEmpty),
    append: optionWithDefault<string | true>(
      "LEDGER",
      `also append the row to the ledger (default: $LEDGER, else ${layout.ledger} of --repo, of the checkout around this folder, or of the one that holds this script)`,
      nonEmpty,
      true,
    ),
  },
  refuses: [
    "the lab's commit cannot be told",
    "--append: the lab's checkout is the one that holds the ledger",
    "--append: the ledger is missing, or its last entries are malformed",
    "--append: the row does not read back as written",
  ],
  example: "bun scripts/record-validation.ts v1.2.3 PASS --lab ../lab --append",
  async run(invocation) {
    const { operands, options, now, report, interrupt } = invocation;
    const lab = await openLab(invocation, options.lab);
    const checkout = await readCheckout(lab);
    const ledger =
      options.append === undefined
        ? undefined
        : await locateLedger(invocation, options.append, options.repo);
    if (ledger?.because !== undefined) {
      report.tell(`ledger: ${ledger.path} (${ledger.because})`);
    }
    if (ledger !== undefined) {
      await refuseProduct(lab, checkout.head, ledger.path);
    }
    const validation: Validation = {
      tag: `${layout.tagPrefix}${operands.version}`,
      sha: await findLabCommit(lab, checkout.head),
      date: dayOf(now),
      verdict: operands.verdict,
    };
    const row = rowText(validation);
    report.say(row);
    const { tag: version, sha, date, verdict } = validation;
    const data = { row, version, lab: sha, date, verdict };
    report.attach(data);
    const append =
      ledger &&
      (await attempt(() => interrupt.hold(() => appendRow(ledger.path, validation, date))));
    const appended = append?.value;
    report.add([...checkLab(checkout, appended?.line), ...checkIsLab(lab)]);
    report.add(append?.findings ?? []);
    if (ledger !== undefined && appended !== undefined) {
      report.attach({ ...data, ledger: ledger.path, line: appended.line });
      tellAppended(report, ledger.path, appended, checkout);
    }
  },
});

if (import.meta.main) {
  await main(table);
}
