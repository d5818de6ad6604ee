#!/usr/bin/env bun
/**
 * Refuses a version without a recent PASS of the simulation lab (PROCEDURE step 5).
 *
 * Usage: bun release-gate/check-lab-validation.ts --version vX.Y.Z [--ledger PATH] [--max-age-days N] [--ref COMMIT]
 *
 * Refuses if the ledger is missing or has no entry, if the version has no PASS in it, or if the latest
 * PASS is older than N whole UTC calendar days. Malformed rows are ignored with a warning. A FAIL after
 * the PASS, and commits that changed the product since the PASS was committed, are warnings.
 *
 * Exit codes: 0 passed, 1 refused, 2 wrong command line, 130 interrupted.
 */

import { basename, dirname, join, relative, resolve } from "node:path";
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
import { workTree } from "../scripts/lib/disk/work-tree.ts";
import { decodeSource } from "../scripts/lib/files/decode.ts";
import {
  type Entry,
  entriesOf,
  type Ledger,
  malformedEnd,
  malformedFindings,
  malformedOf,
  parseLedger,
  type Verdict,
} from "../scripts/lib/files/ledger.ts";
import {
  error,
  type Finding,
  notice,
  refusal,
  shellWord,
  warning,
} from "../scripts/lib/finding.ts";
import { short } from "../scripts/lib/git/git.ts";
import { judge } from "../scripts/lib/git/judged-tree.ts";
import { findRepository, type Repository } from "../scripts/lib/git/repository.ts";
import { layout } from "../scripts/lib/layout.ts";
import type { Check, Source, Tree } from "../scripts/lib/tree.ts";
import type { Version } from "../scripts/lib/version.ts";
import { type Drift, type DriftQuestion, findDrift } from "./history/drift.ts";

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

interface Decision {
  readonly findings: readonly Finding[];
  /** The latest PASS, accepted or too old; undefined without one. */
  readonly latest: LabValidation | undefined;
}

/** The product's ledger, and the age that PROCEDURE step 5 accepts. */
export const defaultQuestion = {
  maxAgeDays: layout.maxValidationAgeDays,
  ledger: layout.ledger,
} as const;

/** Checks that the ledger of a tree holds a PASS for a version that is not too old. */
export const checkLabValidation: Check<LabQuestion> = async (tree, question) => {
  return [...decide(await readLedger(tree, question.ledger), question).findings];
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

/**
 * Returns a warning with the commits that changed the product since a row of the ledger was committed, or
 * with the reason why they cannot be listed; a notice if there are none.
 *
 * @throws {Refusal} If git fails.
 */
export async function checkDrift(
  repository: Repository,
  question: DriftQuestion,
): Promise<Finding[]> {
  return [driftFinding(await findDrift(repository, question), question)];
}

function readLedger(tree: Tree, path: string): Promise<Source | undefined> {
  return tree.read(path, { lenient: true });
}

function decide(source: Source | undefined, question: LabQuestion): Decision {
  const { today, maxAgeDays, ledger } = question;
  if (source === undefined) {
    return { findings: [missingLedger(ledger)], latest: undefined };
  }
  const tag = tagOf(question);
  const read = parseLedger(source, today);
  const ignored = malformedFindings(
    malformedOf(read),
    warning,
    `ignoring malformed lines of ${ledger}`,
    ({ line }) => `ignoring malformed line ${line}`,
  );
  const ours = entriesOf(read).filter((entry) => entry.tag === tag);
  const pass = latestOf(ours, "PASS");
  if (pass === undefined) {
    return { findings: [...ignored, noPass(read, ours, question)], latest: undefined };
  }
  const ageDays = daysBetween(pass.date, today);
  // The ledger is append-only: a lower row was recorded later, even if its date is earlier.
  const later = ours.filter(
    (entry) =>
      entry.verdict === "FAIL" && (entry.line > pass.line || compareEntries(entry, pass) > 0),
  );
  const at = { file: ledger, line: pass.line };
  const verdict =
    ageDays <= maxAgeDays
      ? notice(
          `release-gate: PASS for ${tag} dated ${pass.date} (lab commit ${pass.sha}, ${ageDays}d old, threshold ${maxAgeDays}d). OK to release.`,
          { at },
        )
      : error(
          `latest PASS for ${tag} is ${ageDays} days old (dated ${pass.date}, lab commit ${pass.sha}). Threshold is ${maxAgeDays} days.`,
          {
            at,
            remedy: rerunLab(
              read,
              "Rerun the lab on the current branch and append a fresh PASS entry",
              question,
            ),
          },
        );
  return {
    findings: [...ignored, ...later.map((fail) => laterFail(fail, question)), verdict],
    latest: { entry: pass, ageDays },
  };
}

/** Compares validations by date, and on the same day by line. */
function compareEntries(a: Entry, b: Entry): number {
  return daysBetween(b.date, a.date) || a.line - b.line;
}

function latestOf(entries: readonly Entry[], verdict: Verdict): Entry | undefined {
  return entries
    .filter((entry) => entry.verdict === verdict)
    .toSorted(compareEntries)
    .at(-1);
}

function missingLedger(ledger: string): Finding {
  return error(`ledger ${ledger} not found.`, {
    remedy: `Make sure ${layout.ledger} is present and committed; check-lab-validation.ts also reads another one: set LEDGER=/path/to/file, or --ledger PATH`,
    at: { file: ledger },
  });
}

function noPass(read: Ledger, ours: readonly Entry[], question: LabQuestion): Finding {
  const { ledger } = question;
  const tag = tagOf(question);
  const count = malformedOf(read).length;
  const lines = count === 1 ? "1 malformed line" : `${count} malformed lines`;
  const ignored = count === 0 ? "" : `; ignored ${lines}`;
  if (entriesOf(read).length === 0) {
    const found = count === 0 ? "no entries" : "no valid entry";
    return error(`Cannot find a PASS for ${tag}: ledger ${ledger} has ${found}${ignored}`, {
      remedy: rerunLab(read, "Run the lab and append a PASS line", question),
      at: { file: ledger },
    });
  }
  const fail = latestOf(ours, "FAIL");
  const failed =
    fail === undefined
      ? ""
      : `; FAIL is on record, dated ${fail.date} (lab commit ${fail.sha}, line ${fail.line})`;
  return error(`no PASS entry for ${tag} in ${ledger}${failed}${ignored}`, {
    remedy: rerunLab(read, "Rerun the lab and append a PASS line", question),
    at: { file: ledger, ...(fail === undefined ? {} : { line: fail.line }) },
  });
}

/**
 * Returns the remedy that leads to a PASS. Malformed rows come first if they name the version, because one
 * may be the PASS, or if they end the ledger, because the command then cannot append.
 */
function rerunLab(read: Ledger, words: string, question: LabQuestion): string {
  const { version } = question;
  const first =
    malformedEnd(read).length > 0 || malformedOf(read).some(({ text }) => text.includes(version));
  const remedy = `${words}, then commit it: ${labCommand(question)}`;
  return first ? `Repair or remove the malformed lines. If that is not enough: ${remedy}` : remedy;
}

/** Returns the command that runs the lab and records its verdict. */
function labCommand(question: LabQuestion): string {
  const ledger = question.ledger === layout.ledger ? "" : ` --ledger ${shellWord(question.ledger)}`;
  return `bun scripts/validate-lab.ts ${tagOf(question)} --lab ${layout.lab} --record${ledger}`;
}

function tagOf({ version }: LabQuestion): string {
  return `${layout.tagPrefix}${version}`;
}

function laterFail(fail: Entry, question: LabQuestion): Finding {
  return warning(
    `A FAIL WAS RECORDED AFTER THE LATEST PASS for ${fail.tag}: dated ${fail.date} (lab commit ${fail.sha}, line ${fail.line})`,
    {
      remedy: `Find out what failed; if it is fixed: ${labCommand(question)}`,
      at: { file: question.ledger, line: fail.line },
    },
  );
}

/** The most commits since a validation that are shown. */
const shownCommits = 5;

function driftFinding(drift: Drift, { ledger, line }: DriftQuestion): Finding {
  const at = { file: ledger, line };
  if (drift.kind === "unknown") {
    const { why, remedy } = drift;
    return warning(`Cannot count the commits since the validation: ${why}`, { remedy, at });
  }
  const { commits } = drift;
  const since = `since the PASS was committed in ${short(drift.since)}`;
  const paths = layout.validatedPaths.join(", ").replace(/, ([^,]*)$/, " or $1");
  if (commits.length === 0) {
    return notice(`no commit ${since} touched ${paths}`, { at });
  }
  const first = commits.slice(0, shownCommits);
  const which = commits.length > first.length ? `, the first ${first.length} of them` : "";
  const count = commits.length === 1 ? "1 commit" : `${commits.length} commits`;
  const list = first.map(({ id, subject }) => `${short(id)} ${subject}`);
  return warning(`${count} ${since} touched ${paths}${which}:\n${list.join("\n")}`, {
    remedy: "Make sure the lab saw these changes; if not, rerun it and append a fresh PASS entry",
    at,
  });
}

/** The location of the ledger. */
interface Location {
  /** Absolute path. */
  readonly path: string;
  /** Its name in messages: from the top level, or as the operator named it. */
  readonly shown: string;
  /** The repository that holds it, and its path there; undefined for a pipe, for example. */
  readonly holder: { readonly repository: Repository; readonly ledger: string } | undefined;
}

/** Returns the location of the named ledger, or else of the one in the checkout. */
async function locateLedger(
  { cwd, env, interrupt, repository }: Invocation,
  named: string | undefined,
): Promise<Location> {
  const { ledger } = layout;
  if (named === undefined) {
    const checkout = await repository();
    return {
      path: join(checkout.root, ledger),
      shown: ledger,
      holder: { repository: checkout, ledger },
    };
  }
  const path = resolve(cwd, named);
  // Resolve the folder on its own: the file may be missing.
  const real = realPath(join(realPath(dirname(path)), basename(path)));
  const found = await findRepository(dirname(real), env, interrupt.signal);
  const holder =
    "root" in found ? { repository: found, ledger: relative(found.root, real) } : undefined;
  return { path, shown: named, holder };
}

/** Judges the ledger on disk, and the drift between its PASS and HEAD. */
async function judgeFile(
  { path, shown, holder }: Location,
  question: LabQuestion,
): Promise<Decision> {
  // A ledger that the operator named may be a link or a pipe.
  const source =
    shown === layout.ledger && holder !== undefined
      ? await readLedger(workTree(holder.repository.root), holder.ledger)
      : await readNamed(path, shown);
  const { findings, latest } = decide(source, question);
  if (latest === undefined || holder === undefined) {
    return { findings, latest };
  }
  const { repository, ledger } = holder;
  const row = { ledger, line: latest.entry.line, commit: undefined };
  return { findings: [...findings, ...(await checkDrift(repository, row))], latest };
}

async function readNamed(path: string, shown: string): Promise<Source | undefined> {
  const bytes = await readIfThere(path, shown);
  return bytes && decodeSource(shown, bytes, { lenient: true });
}

/** Judges the ledger of a commit, and the drift between its PASS and that commit. */
async function judgeCommit(
  { shown, holder }: Location,
  revision: string,
  question: LabQuestion,
): Promise<Decision> {
  if (holder === undefined) {
    throw refusal(`Cannot read ${shown} in a commit: it is in no repository`, {
      remedy: "Omit --ref, or name a ledger in a repository",
    });
  }
  const { repository, ledger } = holder;
  let latest: LabValidation | undefined;
  const findings = await judge(repository, revision, async (tree, commit) => {
    const decision = decide(await readLedger(tree, ledger), { ...question, ledger });
    latest = decision.latest;
    const drift =
      latest && (await checkDrift(repository, { ledger, line: latest.entry.line, commit }));
    return [...decision.findings, ...(drift ?? [])];
  });
  return { findings, latest };
}

export const table = command({
  name: "release-gate/check-lab-validation.ts",
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
    "the ledger is missing, or has no entry",
    "the version has no PASS in the ledger",
    "the latest PASS is older than N whole UTC calendar days",
  ],
  example: "bun release-gate/check-lab-validation.ts --version v1.2.3",
  async run(invocation) {
    const { options, env, now, report } = invocation;
    const { version, maxAgeDays = defaultQuestion.maxAgeDays, ref } = options;
    const location = await locateLedger(invocation, options.ledger ?? (env.LEDGER || undefined));
    if (options.ledger === undefined && env.LEDGER) {
      report.add(notice(`ledger: ${location.shown} (from LEDGER)`));
    }
    const ledger = location.shown;
    const question = { version, today: dayOf(now), maxAgeDays, ledger };
    const { findings, latest } =
      ref === undefined
        ? await judgeFile(location, question)
        : await judgeCommit(location, ref, question);
    report.add(findings);
    report.attach({
      version: `${layout.tagPrefix}${version}`,
      ledger,
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
