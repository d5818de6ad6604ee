#!/usr/bin/env bun
/**
 * Records the verdict of a simulation lab run as one row of the ledger (PROCEDURE step 4).
 *
 * Usage: bun scripts/record-validation.ts vX.Y.Z PASS|FAIL [--lab DIR] [--append [LEDGER]]
 *
 * The row names the commit at HEAD of the lab. Standard output has the row and nothing else. Refuses if
 * the lab's commit cannot be read. With --append, also refuses if the lab's checkout holds the ledger,
 * if the ledger is missing or its last entries are malformed, or if the row does not read back.
 *
 * Exit codes: 0 recorded, 1 refused, 2 wrong command line, 130 interrupted.
 */

import {
  checkIsLab,
  checkLab,
  findLabCommit,
  locateLedger,
  openLab,
  recordRow,
  refuseProduct,
} from "./lab/recording.ts";
import { dayOf } from "./lib/calendar.ts";
import {
  command,
  main,
  nonEmpty,
  operand,
  option,
  optionWithDefault,
  versionOf,
} from "./lib/cli.ts";
import { appendRow } from "./lib/disk/ledger-file.ts";
import { isVerdict, rowText, type Validation, type Verdict } from "./lib/files/ledger.ts";
import { quote } from "./lib/finding.ts";
import { readCheckout } from "./lib/git/checkout.ts";
import { layout } from "./lib/layout.ts";

function parseVerdict(text: string): Verdict {
  if (!isVerdict(text)) {
    throw new SyntaxError(`expected PASS or FAIL, found ${quote(text)}`);
  }
  return text;
}

export const table = command({
  name: "scripts/record-validation.ts",
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
    "--append: the lab's checkout holds the ledger",
    "--append: the ledger is missing, or its last entries are malformed",
    "--append: the row does not read back as written",
  ],
  example: "bun scripts/record-validation.ts v1.2.3 PASS --lab ../lab --append",
  async run(invocation) {
    const { operands, options, now, report } = invocation;
    const lab = await openLab(invocation, options.lab);
    const checkout = await readCheckout(lab);
    const ledger =
      options.append === undefined ? undefined : await locateLedger(invocation, options.append);
    if (ledger?.because !== undefined) {
      report.printAside(`ledger: ${ledger.path} (${ledger.because})`);
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
    report.print(row);
    const { tag: version, sha, date, verdict } = validation;
    report.add([...checkLab(checkout), ...checkIsLab(lab)]);
    await recordRow(invocation, ledger, (path) => appendRow(path, validation, date), {
      row,
      version,
      lab: sha,
      date,
      verdict,
    });
  },
});

if (import.meta.main) {
  await main(table);
}
