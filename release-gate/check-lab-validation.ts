#!/usr/bin/env bun
/**
 * Refuses a version that the simulation lab has not validated, or not lately (PROCEDURE step 5).
 *
 * Usage: bun release-gate/check-lab-validation.ts --version vX.Y.Z [--ledger PATH] [--max-age-days N] [--ref COMMIT]
 *
 * Refuses when the ledger is missing or has no entry, when the version has no PASS in it, and when
 * the latest PASS is older than N whole UTC calendar days. Malformed rows are warnings: they count
 * as nothing and hide nothing. So are a FAIL after the PASS, and commits that changed the product
 * since the PASS was committed.
 *
 * Exit codes: 0 passed, 1 refused, 2 wrong command line, 130 interrupted.
 */

import { existsSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
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
  faultText,
  type MalformedRow,
  malformedOf,
  mendText,
  parseLedger,
} from "../scripts/lib/files/ledger.ts";
import { error, type Finding, notice, refusal, warning } from "../scripts/lib/finding.ts";
import { findRepository, type Repository, short } from "../scripts/lib/git/git.ts";
import { judge } from "../scripts/lib/git/judged-tree.ts";
import { isOutside } from "../scripts/lib/git/no-repository.ts";
import { layout } from "../scripts/lib/layout.ts";
import type { Check, Source, Tree } from "../scripts/lib/tree.ts";
import type { Version } from "../scripts/lib/version.ts";
import { type Drift, type DriftQuestion, findDrift } from "./history/drift.ts";

/** What is asked of the ledger. */
export interface LabQuestion {
  readonly version: Version;
  readonly today: Day;
  /** The oldest age that is accepted, in whole UTC calendar days. */
  readonly maxAgeDays: number;
  /** Path of the ledger in the tree. */
  readonly ledger: string;
}

/** The PASS that decides, and how old it is in whole UTC calendar days. */
export interface LabValidation {
  readonly entry: Entry;
  readonly ageDays: number;
}

interface Decision {
  readonly findings: readonly Finding[];
  /** The latest PASS, accepted or too old; undefined if there is none. */
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
 * The PASS that lets a version be released, or undefined if `checkLabValidation` refuses it.
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

/** The line by which a signed tag's message records the validation. */
export function labEvidence({ entry }: LabValidation): string {
  return `Lab-validation: ${entry.verdict} ${entry.date} lab ${entry.sha}`;
}

/**
 * Tells which commits changed the product since a row of the ledger was committed: a warning if
 * there are any, or if that cannot be told.
 *
 * @throws {Refusal} If git fails where it should have an answer.
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
  const { version, today, maxAgeDays, ledger } = question;
  const tag = tagOf(question);
  if (source === undefined) {
    return { findings: [missingLedger(ledger)], latest: undefined };
  }
  const read = parseLedger(source, today);
  const malformed = malformedOf(read);
  const findings = malformed.map(ignoredRow);
  const entries = entriesOf(read);
  const ours = entries.filter((entry) => entry.tag === tag);
  const pass = latestOf(ours.filter(({ verdict }) => verdict === "PASS"));
  const suspects = malformed.filter(
    ({ line, text }) => line > (entries.at(-1)?.line ?? 0) || text.includes(version),
  );
  if (pass === undefined) {
    const ignored = { malformed, suspects };
    const refused =
      entries.length === 0 ? noEntries(question, ignored) : noPass(question, ours, ignored);
    return { findings: [...findings, refused], latest: undefined };
  }
  const ageDays = daysBetween(pass.date, today);
  const fails = ours.filter(({ verdict }) => verdict === "FAIL");
  // The ledger is append-only: what stands below was recorded later, whatever its date.
  const later = fails.filter((fail) => fail.line > pass.line || compareEntries(fail, pass) > 0);
  const verdict =
    ageDays <= maxAgeDays
      ? notice(
          `release-gate: PASS for ${tag} dated ${pass.date} (lab commit ${pass.sha}, ${ageDays}d old, threshold ${maxAgeDays}d). OK to release.`,
          { at: { file: ledger, line: pass.line } },
        )
      : tooOld(pass, ageDays, question, suspects);
  return {
    findings: [...findings, ...later.map((fail) => laterFail(fail, ledger)), verdict],
    latest: { entry: pass, ageDays },
  };
}

/** The order of validations: by date, and on one day by their place in the file. */
function compareEntries(a: Entry, b: Entry): number {
  return daysBetween(b.date, a.date) || a.line - b.line;
}

function latestOf(entries: readonly Entry[]): Entry | undefined {
  return entries.toSorted(compareEntries).at(-1);
}

function ignoredRow(row: MalformedRow): Finding {
  return warning(`ignoring malformed line ${row.line}: ${faultText(row)}`, {
    at: row.faults[0].at,
    remedy: mendText(row),
  });
}

function missingLedger(ledger: string): Finding {
  return error(`ledger ${ledger} not found.`, {
    remedy: `Make sure ${layout.ledger} is present and committed; check-lab-validation.ts also reads another one: set LEDGER=/path/to/file, or --ledger PATH`,
    at: { file: ledger },
  });
}

/** The rows that count as nothing. */
interface Ignored {
  readonly malformed: readonly MalformedRow[];
  /** Those that may be the missing PASS: they name the version, or end the ledger. */
  readonly suspects: readonly MalformedRow[];
}

function noEntries(question: LabQuestion, { malformed, suspects }: Ignored): Finding {
  const found = malformed.length === 0 ? "no entries" : `no valid entry${ignoring(malformed)}`;
  const message = `Cannot find a PASS for ${tagOf(question)}: ledger ${question.ledger} has ${found}`;
  return error(message, {
    remedy: recording("Run the lab and append a PASS line", question, suspects),
    at: { file: question.ledger },
  });
}

function noPass(
  question: LabQuestion,
  ours: readonly Entry[],
  { malformed, suspects }: Ignored,
): Finding {
  const { ledger } = question;
  const fail = latestOf(ours);
  const failed =
    fail === undefined
      ? ""
      : `; FAIL is on record, dated ${fail.date} (lab commit ${fail.sha}, line ${fail.line})`;
  const message = `no PASS entry for ${tagOf(question)} in ${ledger}${failed}${ignoring(malformed)}`;
  return error(message, {
    remedy: recording("Rerun the lab and append a PASS line", question, suspects),
    at: { file: ledger, ...(fail === undefined ? {} : { line: fail.line }) },
  });
}

function ignoring(malformed: readonly MalformedRow[]): string {
  return malformed.length === 0 ? "" : `; ignored malformed ${linesOf(malformed)}`;
}

/** How many ignored lines a refusal names; each of them has its own warning as well. */
const namedLines = 20;

function linesOf(rows: readonly MalformedRow[]): string {
  const named = rows.slice(0, namedLines).map(({ line }) => line);
  const more = rows.length - named.length;
  const lines = `${rows.length === 1 ? "line" : "lines"} ${named.join(", ")}`;
  return `${lines}${more > 0 ? ` and ${more} more` : ""}`;
}

function tooOld(
  pass: Entry,
  ageDays: number,
  question: LabQuestion,
  suspects: readonly MalformedRow[],
): Finding {
  const words = "Rerun the lab on the current branch and append a fresh PASS entry";
  return error(
    `latest PASS for ${pass.tag} is ${ageDays} days old (dated ${pass.date}, lab commit ${pass.sha}). Threshold is ${question.maxAgeDays} days.`,
    {
      remedy: recording(words, question, suspects),
      at: { file: question.ledger, line: pass.line },
    },
  );
}

/** What leads to a PASS, with the command; `--append` wants the end of the ledger put right first. */
function recording(
  words: string,
  question: LabQuestion,
  suspects: readonly MalformedRow[],
): string {
  const ledger = question.ledger === layout.ledger ? "" : ` ${question.ledger}`;
  const record = `bun scripts/record-validation.ts ${tagOf(question)} PASS --lab ${layout.lab} --append${ledger}`;
  const remedy = `${words}, then commit it: ${record}`;
  if (suspects.length === 0) {
    return remedy;
  }
  const each = suspects.length === 1 ? "it" : "each";
  return `Put ${linesOf(suspects)} right first: mend ${each}, or remove it and append a correct row at the end. If that is not enough: ${remedy}`;
}

function tagOf({ version }: LabQuestion): string {
  return `${layout.tagPrefix}${version}`;
}

function laterFail(fail: Entry, ledger: string): Finding {
  return warning(
    `A FAIL WAS RECORDED AFTER THE LATEST PASS for ${fail.tag}: dated ${fail.date} (lab commit ${fail.sha}, line ${fail.line})`,
    {
      remedy: "Find out what failed; if it is mended, rerun the lab and append a fresh PASS entry",
      at: { file: ledger, line: fail.line },
    },
  );
}

/** How many of the commits since a validation are shown. */
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

/** Where the ledger is. */
interface Location {
  /** Absolute path. */
  readonly path: string;
  /** How messages name it: from the top level, or as the operator named it. */
  readonly shown: string;
  /** The checkout whose ledger it is, if nobody named another one. */
  readonly checkout?: Repository;
  /** Why it is not the one of the checkout, if so. */
  readonly because?: string;
}

type World = Pick<Invocation, "cwd" | "env" | "interrupt" | "repository">;

/** Returns `--ledger`, else `LEDGER`, else the ledger of the checkout. */
async function locateLedger(
  { cwd, env, repository }: World,
  named: string | undefined,
): Promise<Location> {
  if (named !== undefined) {
    return { path: resolve(cwd, named), shown: named };
  }
  if (env.LEDGER) {
    return { path: resolve(cwd, env.LEDGER), shown: env.LEDGER, because: "from LEDGER" };
  }
  const checkout = await repository();
  return { path: join(checkout.root, layout.ledger), shown: layout.ledger, checkout };
}

async function judgeFile(
  world: World,
  location: Location,
  question: LabQuestion,
): Promise<Decision> {
  const { path, shown, checkout } = location;
  const source =
    checkout === undefined
      ? await readNamed(path, shown)
      : await readLedger(workTree(checkout.root), shown);
  const { findings, latest } = decide(source, question);
  if (latest === undefined) {
    return { findings, latest };
  }
  const { line } = latest.entry;
  const drift =
    checkout === undefined
      ? await checkDriftOfFile(world, path, line)
      : await checkDrift(checkout, { ledger: shown, line, commit: undefined });
  return { findings: [...findings, ...drift], latest };
}

/** A ledger that the operator named is read wherever it is, and from a pipe as well. */
async function readNamed(path: string, shown: string): Promise<Source | undefined> {
  const bytes = await readIfThere(path, shown);
  return bytes && decodeSource(shown, bytes, { lenient: true });
}

/** Drift in the repository that holds the ledger, if there is one. */
async function checkDriftOfFile(world: World, path: string, line: number): Promise<Finding[]> {
  const real = realPath(path);
  if (!existsSync(real)) {
    // A pipe: read, and in no repository.
    return [];
  }
  const holder = await findRepository(dirname(real), world.env, world.interrupt.signal);
  if ("root" in holder) {
    const ledger = pathFrom(holder.root, real);
    return await checkDrift(holder, { ledger, line, commit: undefined });
  }
  const { why, remedy = "Run git status beside the ledger to see why" } = holder;
  return isOutside(why)
    ? []
    : [driftFinding({ kind: "unknown", why, remedy }, { ledger: path, line, commit: undefined })];
}

async function judgeCommit(
  repository: Repository,
  revision: string,
  { path, shown }: Location,
  question: LabQuestion,
): Promise<Decision> {
  const ledger = pathFrom(repository.root, join(realPath(dirname(path)), basename(path)));
  if (ledger.startsWith("../") || isAbsolute(ledger)) {
    throw refusal(`Cannot read ${shown} in a commit: it is outside of ${repository.root}`, {
      remedy: "Leave --ref out, or name a ledger of that repository",
    });
  }
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

function pathFrom(root: string, path: string): string {
  return relative(root, path).replaceAll(sep, "/");
}

export const table = command({
  name: "release-gate/check-lab-validation.ts",
  summary: "Checks that the simulation lab has validated a version, and lately.",
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
    const { options, now, report } = invocation;
    const { version, maxAgeDays = defaultQuestion.maxAgeDays, ref } = options;
    const location = await locateLedger(invocation, options.ledger);
    if (location.because !== undefined) {
      report.add(notice(`ledger: ${location.shown} (${location.because})`));
    }
    const ledger = location.shown;
    const question = { version, today: dayOf(now), maxAgeDays, ledger };
    const { findings, latest } =
      ref === undefined
        ? await judgeFile(invocation, location, question)
        : await judgeCommit(await invocation.repository(), ref, location, question);
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
