#!/usr/bin/env bun
/**
 * Runs the simulation lab end to end and judges it (PROCEDURE step 4).
 *
 * Usage: bun scripts/validate-lab.ts vX.Y.Z --lab DIR [--ledger PATH] [--record] [--from STEP] [--keep-going]
 *
 * A PASS needs exit code 0 of every step. The output of a step that must report counts needs at least
 * one count, and only complete ones. Standard output has the ledger row and nothing else; its date is
 * the day in UTC on which the steps ended. Steps run without the operator's terminal and without
 * flags for make from the environment. A run with --from cannot be recorded.
 *
 * Exit codes: 0 PASS, 1 FAIL or refused, 2 wrong command line, 130 interrupted.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { labSteps, runSteps } from "./lab/steps.ts";
import { dayOf } from "./lib/calendar.ts";
import {
  command,
  flag,
  main,
  need,
  nonEmpty,
  operand,
  option,
  requiredOption,
  versionOf,
} from "./lib/cli.ts";
import { UsageError } from "./lib/command-line.ts";
import { refuseUnfitLedger } from "./lib/disk/ledger-file.ts";
import { makeScratchFolder } from "./lib/disk/scratch.ts";
import type { Validation } from "./lib/files/ledger.ts";
import { type Attempt, attempt, error, quote, refusal, warning } from "./lib/finding.ts";
import { type Checkout, readCheckout } from "./lib/git/checkout.ts";
import { short } from "./lib/git/git.ts";
import { Interrupted } from "./lib/interrupt.ts";
import { type LabStep, layout } from "./lib/layout.ts";
import {
  checkLab,
  findLabCommit,
  locateLedger,
  namePaths,
  nameTheLab,
  openLab,
  recordRow,
  removeRow,
} from "./record-validation.ts";

/**
 * Returns a warning if the lab's checkout changed during the run, or cannot be read after it.
 *
 * @param after The checkout after the run, or why it cannot be read.
 */
export function checkUnmoved(before: Checkout, { value: after, findings }: Attempt<Checkout>) {
  const from = short(before.head);
  const changes = new Set(before.changes).symmetricDifference(new Set(after?.changes));
  const why =
    after === undefined
      ? (findings ?? []).map(({ message }) => message)
      : [
          ...(before.head === after.head
            ? []
            : [`HEAD moved from ${from} to ${short(after.head)}`]),
          ...(changes.size === 0 ? [] : [`its tree changed: ${namePaths([...changes])}`]),
        ];
  const remedy = `Make sure that nothing else changes the lab's checkout, and run this again; ${removeRow}`;
  const message = `the lab changed during the run, so ${from} may not identify what ran: ${why.join("; ")}`;
  return why.length === 0 ? [] : [warning(message, { remedy })];
}

function parseStep(text: string): LabStep {
  const step = labSteps.find(({ name }) => name === text);
  if (step === undefined) {
    const names = labSteps.map(({ name }) => name).join(", ");
    throw new SyntaxError(`expected one of ${names}, found ${quote(text)}`);
  }
  return step;
}

/** @throws {Refusal} If the folder has no Makefile, so that it cannot be the lab. */
function refuseWithoutMakefile(root: string): void {
  if (!["GNUmakefile", "makefile", "Makefile"].some((name) => existsSync(join(root, name)))) {
    throw refusal(`Cannot run the lab at ${root}: it has no Makefile`, { remedy: nameTheLab });
  }
}

export const table = command({
  name: "scripts/validate-lab.ts",
  needs: "lab",
  summary: "Runs the simulation lab end to end, and prints the ledger row of its verdict.",
  operands: {
    version: operand(
      "the version that the lab runs, such as v1.2.3 or 1.2.3",
      versionOf(layout.tagPrefix),
    ),
  },
  options: {
    lab: requiredOption("DIR", "the lab's checkout, required", nonEmpty),
    ledger: option(
      "PATH",
      `the ledger for --record (default: $LEDGER, else ${layout.ledger} of the product's checkout)`,
      nonEmpty,
    ),
    record: flag("also append the row to the ledger, PASS or FAIL"),
    from: option(
      "STEP",
      `start at that step, one of ${labSteps.map(({ name }) => name).join(", ")}; the run cannot be recorded, because it proves nothing about the steps before`,
      parseStep,
    ),
    keepGoing: flag("run the later steps even after a failure"),
  },
  refuses: [
    "the lab's checkout cannot be read, has no Makefile, or is the product's",
    "make is missing",
    "a step ends with another exit code than 0 (verdict FAIL)",
    "a step reports an incomplete count, or lacks a required one (verdict FAIL)",
    "--record: the ledger is missing, its last entries are malformed, or the row does not read back",
    "--record: the lab's checkout cannot be read again after the run (a FAIL is recorded nevertheless)",
  ],
  example: "bun scripts/validate-lab.ts v1.2.3 --lab ../lab --record",
  async run(invocation) {
    const { operands, options, now, moment, report, interrupt, cwd, env } = invocation;
    const first = options.from === undefined ? 0 : labSteps.indexOf(options.from);
    const left = labSteps.slice(0, first).map(({ name }) => name);
    if (options.record && left.length > 0) {
      throw new UsageError(
        `--record needs a complete run, and --from leaves out ${left.join(", ")}: give only one of them`,
      );
    }
    if (options.record) {
      need("ledger", "record a validation");
    }
    const lab = await openLab(invocation, options.lab);
    refuseWithoutMakefile(lab.root);
    const before = await readCheckout(lab);
    const ledger = options.record
      ? await locateLedger(invocation, lab, options.ledger ?? true)
      : undefined;
    if (ledger !== undefined) {
      await refuseUnfitLedger(ledger, dayOf(now));
    }
    const sha = await findLabCommit(lab, before.head);
    const tag = `${layout.tagPrefix}${operands.version}`;
    const folder = makeScratchFolder(`validate-lab-${tag}-`, { env, cwd }, "a folder for the logs");
    report.printAside(`lab: ${lab.root} at ${sha}`);
    report.printAside(`logs: ${folder}`);
    if (left.length > 0) {
      const are = left.length === 1 ? "is" : "are";
      const remedy = "Do not record it as a PASS: run the whole lab, without --from";
      const what = `${left.join(", ")} ${are} left out`;
      report.add(warning(`the verdict is not about the whole lab: ${what}`, { remedy }));
    }

    const { keepGoing } = options;
    const due = labSteps.slice(first);
    const results = await runSteps(invocation, lab, due, { folder, keepGoing });
    const completed = dayOf(moment());

    const after = await attempt(() => readCheckout(lab));
    if (interrupt.requested) {
      // Ctrl-C on a terminal ends git as well, so `after` may lack its answer.
      throw new Interrupted("nothing is recorded", interrupt.exitCode);
    }
    const failures = results
      .filter(({ status }) => status === "failed")
      .map(({ name, reason, log }) =>
        error(`the lab fails ${tag}: make ${name}: ${reason}`, {
          remedy: `Read ${log}, fix the cause, rebuild the image, and run the whole lab again`,
        }),
      );
    const verdict = failures.length === 0 ? "PASS" : "FAIL";
    const validation: Validation = { tag, sha, date: completed, verdict };
    report.add([...checkLab(before), ...checkUnmoved(before, after), ...failures]);
    // Only a PASS opens the release gate, so only its commit must be certain.
    const isCertain = verdict === "FAIL" || after.value !== undefined;
    if (ledger !== undefined && !isCertain) {
      const remedy = "Repair the lab's checkout, and run the whole lab again";
      const why = `the lab cannot be read after the run, so it may have left ${sha}`;
      report.add(error(`Cannot record the PASS of ${tag}: ${why}`, { remedy }));
    }
    const steps = labSteps.map(
      ({ name }) => results.find((each) => each.name === name) ?? { name, status: "not run" },
    );
    const certain = isCertain ? ledger : undefined;
    await recordRow(invocation, validation, certain, { logs: folder, steps });
  },
});

if (import.meta.main) {
  await main(table);
}
