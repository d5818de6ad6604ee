#!/usr/bin/env bun
/**
 * Records the verdict of a simulation lab run as one row of the ledger (PROCEDURE step 4).
 *
 * Usage: bun scripts/record-validation.ts vX.Y.Z PASS|FAIL [--lab DIR] [--append [LEDGER]]
 *
 * Run in the lab's checkout, whose HEAD the row names. Standard output has that row and nothing
 * else. Refuses when the lab's commit cannot be told and, with --append, when the ledger is missing,
 * when its last entries are malformed, or when the row does not read back.
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
import { isVerdict, rowText, type Validation, type Verdict } from "./lib/files/ledger.ts";
import { type Finding, quote, refusal, warning } from "./lib/finding.ts";
import { layout } from "./lib/layout.ts";
import { type Checkout, readCheckout } from "./lib/world/checkout.ts";
import { findRepository, line, type ObjectId, type Repository, short } from "./lib/world/git.ts";
import { appendRow } from "./lib/world/ledger-file.ts";

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

/** Warns where the lab's commit may not be what was run. */
export function checkLab({ head, branch, changes }: Checkout): Finding[] {
  const findings: Finding[] = [];
  if (changes.length > 0) {
    const named = changes.slice(0, namedPaths).map(quote).join(", ");
    const more = changes.length > namedPaths ? `, and ${changes.length - namedPaths} more` : "";
    findings.push(
      warning(
        `the lab's working tree is dirty: what ran is not commit ${short(head)}: ${named}${more}`,
        { remedy: "Commit or remove the changes, rerun the lab, and record that run" },
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
    remedy: lab.remedy ?? "Run it in the lab's checkout, or name that with --lab DIR",
  });
}

/** The lab has no ledger: a folder with one is the product's, whose commit says nothing here. */
function checkIsLab(lab: Repository): Finding[] {
  return existsSync(join(lab.root, layout.ledger))
    ? [
        warning(`${lab.root} has a ${layout.ledger}: it looks like the product, not like the lab`, {
          remedy: "Run it in the lab's checkout, or name that with --lab DIR",
        }),
      ]
    : [];
}

/**
 * The operand of `--append`, else `LEDGER`, else the ledger of the checkout of `--repo`, or of the
 * one around this folder if it has one, or of the one that holds this script.
 */
async function ledgerPath(
  { cwd, env, repository }: Pick<Invocation, "cwd" | "env" | "repository">,
  append: string | true,
  repo: string | undefined,
): Promise<string> {
  if (append !== true) {
    return resolve(cwd, append);
  }
  if (env.LEDGER) {
    return resolve(cwd, env.LEDGER);
  }
  if (repo !== undefined) {
    return join((await repository()).root, layout.ledger);
  }
  const around = await findRepository(cwd, env);
  const here = "root" in around ? join(around.root, layout.ledger) : undefined;
  return here !== undefined && existsSync(here) ? here : join(import.meta.dir, "..", layout.ledger);
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
    "--append: the ledger is missing, or its last entries are malformed",
    "--append: the row does not read back as written",
  ],
  example: "bun scripts/record-validation.ts v1.2.3 PASS --lab ../lab --append",
  async run(invocation) {
    const { operands, options, now, report, terminal } = invocation;
    const lab = await openLab(invocation, options.lab);
    const checkout = await readCheckout(lab);
    const validation: Validation = {
      tag: `${layout.tagPrefix}${operands.version}`,
      sha: await findLabCommit(lab, checkout.head),
      date: dayOf(now),
      verdict: operands.verdict,
    };
    report.add([...checkLab(checkout), ...checkIsLab(lab)]);
    const row = rowText(validation);
    if (!options.json) {
      // Not through the report, which makes tabs visible: the row needs real ones.
      terminal.out(`${row}\n`);
    }
    const { tag: version, sha, date, verdict } = validation;
    const data = { row, version, lab: sha, date, verdict };
    report.attach(data);
    if (options.append !== undefined) {
      const path = await ledgerPath(invocation, options.append, options.repo);
      const at = await appendRow(path, validation, date);
      report.attach({ ...data, ledger: path, line: at });
      report.tell(`appended as line ${at} of ${path}: commit it`);
    }
  },
});

if (import.meta.main) {
  await main(table);
}
