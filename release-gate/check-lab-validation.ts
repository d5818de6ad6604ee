#!/usr/bin/env bun
/**
 * Refuses a version without a recent PASS of the simulation lab (PROCEDURE step 5).
 *
 * Usage: bun release-gate/check-lab-validation.ts --version vX.Y.Z [--ledger PATH] [--max-age-days N] [--ref COMMIT]
 *
 * Malformed rows are ignored with a warning. A FAIL after the PASS is a warning, and so are commits that
 * changed more of the product than its versions since the PASS was committed.
 *
 * Exit codes: 0 passed, 1 refused, 2 wrong command line, 130 interrupted.
 */

import { dirname, relative, resolve } from "node:path";
import { type Day, dayOf, daysBetween } from "../scripts/lib/calendar.ts";
import {
  command,
  type Invocation,
  main,
  nonEmpty,
  option,
  refOption,
  requiredOption,
  versionOf,
  wholeNumber,
} from "../scripts/lib/cli.ts";
import { readIfThere, realPath } from "../scripts/lib/disk/files.ts";
import { decodeSource } from "../scripts/lib/files/decode.ts";
import {
  beginLedger,
  type Entry,
  entriesOf,
  labCommand,
  malformedEnd,
  malformedFindings,
  malformedOf,
  parseLedger,
  repairOf,
} from "../scripts/lib/files/ledger.ts";
import { error, notice, refusal, warning } from "../scripts/lib/finding.ts";
import type { ObjectId } from "../scripts/lib/git/git.ts";
import { judge } from "../scripts/lib/git/judged-tree.ts";
import { findRepository } from "../scripts/lib/git/repository.ts";
import { layout } from "../scripts/lib/layout.ts";
import type { Check, Source, Tree } from "../scripts/lib/tree.ts";
import type { Version } from "../scripts/lib/version.ts";
import { checkDrift } from "./history/drift.ts";

export { checkDrift };

/** The options of the gate. */
export interface LabQuestion {
  readonly version: Version;
  readonly today: Day;
  /** The greatest accepted age of the PASS, in whole UTC calendar days. */
  readonly maxAgeDays: number;
  /** Path of the ledger in the tree. */
  readonly ledger: string;
}

/** The latest PASS, and its age in whole UTC calendar days. */
export interface LabValidation {
  readonly entry: Entry;
  readonly ageDays: number;
}

/** The product's ledger, and the age that PROCEDURE step 5 accepts. */
export const defaultQuestion = {
  maxAgeDays: layout.maxValidationAgeDays,
  ledger: layout.ledger,
} as const;

/** Checks that the ledger of a tree holds a PASS for a version that is not too old. */
export const checkLabValidation: Check<LabQuestion> = async (tree, question) => {
  return decide(await readLedger(tree, question.ledger), question).findings;
};

/**
 * Returns the PASS that `checkLabValidation` accepts, or undefined if it refuses the version.
 *
 * @throws {Refusal} If the ledger cannot be read.
 */
export async function findLabValidation(
  tree: Tree,
  question: LabQuestion,
): Promise<LabValidation | undefined> {
  const { latest } = decide(await readLedger(tree, question.ledger), question);
  return latest !== undefined && latest.ageDays <= question.maxAgeDays ? latest : undefined;
}

/** Returns the line that records the validation in the message of a signed tag. */
export function labEvidence({ entry }: LabValidation): string {
  return `Lab-validation: ${entry.verdict} ${entry.date} lab ${entry.sha}`;
}

function readLedger(tree: Tree, path: string): Promise<Source | undefined> {
  return tree.read(path, { lenient: true });
}

/** Returns the findings about a ledger, and the latest PASS, accepted or too old. */
function decide(source: Source | undefined, question: LabQuestion) {
  const { version, today, maxAgeDays, ledger: file } = question;
  if (source === undefined) {
    const remedy = `Make sure ${layout.ledger} is present and committed; check-lab-validation.ts also reads another one: set LEDGER=/path/to/file, or --ledger PATH. ${beginLedger}`;
    const missing = error(`ledger ${file} not found.`, { at: { file }, remedy });
    return { findings: [missing], latest: undefined };
  }
  const tag = `${layout.tagPrefix}${version}`;
  const ledger = parseLedger(source, today);
  const malformed = malformedOf(ledger);
  const ours = entriesOf(ledger).filter((entry) => entry.tag === tag);
  const sorted = ours.toSorted(compareEntries);
  const pass = sorted.findLast(({ verdict }) => verdict === "PASS");
  const command = labCommand(tag, file);
  // Malformed rows come first if they name the version, because one may be the PASS, or if they end the
  // ledger, because the command then cannot append.
  const mayMatter =
    malformedEnd(ledger).length > 0 || malformed.some(({ text }) => text.includes(version));
  const repair = mayMatter ? "Repair or remove the malformed lines. If that is not enough: " : "";
  const hidden = malformed.find(({ repaired }) => repaired?.startsWith(`${tag}\t`));
  const rerun = (words: string) =>
    hidden ? repairOf(hidden) : `${repair}Rerun the lab ${words}: ${command}, then commit it`;
  const findings = malformedFindings(
    malformed,
    warning,
    ({ line }) => `ignoring malformed line ${line}`,
  );
  if (pass === undefined) {
    const fail = sorted.at(-1);
    const failed = fail
      ? `; FAIL is on record, dated ${fail.date} (lab commit ${fail.sha}, line ${fail.line})`
      : "";
    findings.push(
      error(`no PASS entry for ${tag} in ${file}${failed}`, {
        at: fail ? { file, line: fail.line } : { file },
        remedy: rerun("and append a PASS line"),
      }),
    );
    return { findings, latest: undefined };
  }
  for (const entry of ours) {
    const { date, sha, line, verdict } = entry;
    // The ledger is append-only: a lower row was recorded later, even if its date is earlier.
    if (verdict === "FAIL" && (line > pass.line || compareEntries(entry, pass) > 0)) {
      findings.push(
        warning(
          `A FAIL WAS RECORDED AFTER THE LATEST PASS for ${tag}: dated ${date} (lab commit ${sha}, line ${line})`,
          {
            at: { file, line },
            remedy: `Find out what failed; if it is fixed: ${command}`,
          },
        ),
      );
    }
  }
  const { date, sha, line } = pass;
  const at = { file, line };
  const ageDays = daysBetween(date, today);
  findings.push(
    ageDays <= maxAgeDays
      ? notice(
          `release-gate: PASS for ${tag} dated ${date} (lab commit ${sha}, ${ageDays}d old, threshold ${maxAgeDays}d). OK to release.`,
          { at },
        )
      : error(
          `latest PASS for ${tag} is ${ageDays} days old (dated ${date}, lab commit ${sha}). Threshold is ${maxAgeDays} days.`,
          { at, remedy: rerun("on the current branch and append a fresh PASS entry") },
        ),
  );
  return { findings, latest: { entry: pass, ageDays } };
}

/** Compares validations by date, and on the same day by line. */
function compareEntries(a: Entry, b: Entry): number {
  return daysBetween(b.date, a.date) || a.line - b.line;
}

/** Returns the repository that holds the named ledger, or else the checkout; undefined for a pipe. */
async function findHolder(
  { cwd, env, interrupt, repository }: Invocation,
  named: string | undefined,
) {
  if (named === undefined) {
    return { repository: await repository(), ledger: layout.ledger };
  }
  const path = realPath(resolve(cwd, named));
  const found = await findRepository(dirname(path), env, interrupt.signal);
  return "root" in found ? { repository: found, ledger: relative(found.root, path) } : undefined;
}

/** Reads a ledger that the operator named: it may be a link or a pipe. */
async function readNamed(cwd: string, named: string): Promise<Source | undefined> {
  const bytes = await readIfThere(resolve(cwd, named), named);
  return bytes && decodeSource(named, bytes, { lenient: true });
}

export const table = command({
  name: "release-gate/check-lab-validation.ts",
  needs: "ledger",
  summary: "Checks that the simulation lab has validated a version recently.",
  operands: {},
  options: {
    version: requiredOption(
      "VERSION",
      "the version to be released, such as v1.2.3 or 1.2.3; required",
      versionOf(layout.tagPrefix),
    ),
    ledger: option(
      "PATH",
      `the ledger (default: $LEDGER, else ${layout.ledger} of the checkout)`,
      nonEmpty,
    ),
    maxAgeDays: option(
      "N",
      `accept a PASS of up to N days, 1 to 99999 (default: ${defaultQuestion.maxAgeDays})`,
      wholeNumber(1, 99_999),
    ),
    ref: refOption,
  },
  refuses: [
    "the ledger is missing, or has no PASS for the version",
    "the latest PASS is older than N whole UTC calendar days",
  ],
  example: "bun release-gate/check-lab-validation.ts --version v1.2.3",
  async run(invocation) {
    const { options, cwd, env, now, report } = invocation;
    const { version, maxAgeDays = defaultQuestion.maxAgeDays, ref } = options;
    const named = options.ledger ?? (env.LEDGER || undefined);
    const shown = named ?? layout.ledger;
    if (options.ledger === undefined && named !== undefined) {
      report.add(notice(`ledger: ${named} (from LEDGER)`));
    }
    const holder = await findHolder(invocation, named);
    if (holder === undefined && ref !== undefined) {
      throw refusal(`Cannot read ${shown} in a commit: it is in no repository`, {
        remedy: "Omit --ref, or name a ledger in a repository",
      });
    }
    const ledger = ref === undefined ? shown : (holder?.ledger ?? shown);
    const question = { version, today: dayOf(now), maxAgeDays, ledger };
    let latest: LabValidation | undefined;
    const judgeTree = async (tree: Tree | undefined, commit?: ObjectId) => {
      const isNamed = named !== undefined && ref === undefined;
      const source = isNamed ? readNamed(cwd, named) : tree && readLedger(tree, ledger);
      const decision = decide(await source, question);
      latest = decision.latest;
      if (latest === undefined || holder === undefined) {
        return decision.findings;
      }
      const { line, tag } = latest.entry;
      const row = { tag, ledger: holder.ledger, line, commit };
      return [...decision.findings, ...(await checkDrift(holder.repository, row))];
    };
    report.add(
      holder === undefined
        ? await judgeTree(undefined)
        : await judge(holder.repository, ref, judgeTree),
    );
    report.attach({
      version: `${layout.tagPrefix}${version}`,
      ledger: shown,
      maxAgeDays,
      ...(latest === undefined ? {} : { latestPass: dataOf(latest) }),
    });
  },
});

function dataOf({ entry, ageDays }: LabValidation) {
  const { tag, sha, date, verdict, line } = entry;
  return { version: tag, lab: sha, date, verdict, line, ageDays };
}

if (import.meta.main) {
  await main(table);
}
