#!/usr/bin/env bun
/**
 * Checks the lab validation ledger: every row is sound, and nothing was done to it but appending.
 *
 * Usage: bun release-gate/check-ledger.ts [base] [--history] [--ref COMMIT] [--repo DIR] [--json]
 *
 * Refuses a ledger that is missing, and malformed rows. Against a base (default: GITHUB_BASE_REF) it
 * refuses rows of the base that are edited, removed or reordered, and rows inserted between them;
 * with --history it judges so every commit that ever touched the ledger. Dates that run backwards, a
 * PASS for a version tagged before, edited comments, and a history that begins with several rows are
 * warnings, and so is LEDGER, which it ignores. It needs no lab, so it may run in CI.
 *
 * Exit codes: 0 passed, 1 refused or could not find out, 2 wrong command line, 130 interrupted.
 */

import { dayOf } from "../scripts/lib/calendar.ts";
import { command, flag, main, nonEmpty, optionalOperand, refOption } from "../scripts/lib/cli.ts";
import { workTree } from "../scripts/lib/disk/work-tree.ts";
import { entriesOf, type Ledger, parseLedger } from "../scripts/lib/files/ledger.ts";
import { attempt, error, type Finding, notice, quote, warning } from "../scripts/lib/finding.ts";
import { type ObjectId, type Repository, resolveCommit, short } from "../scripts/lib/git/git.ts";
import { findParting, type Parting } from "../scripts/lib/git/history.ts";
import { judge } from "../scripts/lib/git/judged-tree.ts";
import { commitTree, type Objects, openObjects } from "../scripts/lib/git/objects.ts";
import { layout } from "../scripts/lib/layout.ts";
import type { Check, Tree } from "../scripts/lib/tree.ts";
import { findPredecessor, findRemoved, ledgerReader } from "./history/ledger-blob.ts";
import {
  checkAppendOnly,
  checkRows,
  type EarlierLedger,
  type LedgerTimes,
} from "./history/ledger-history.ts";
import { findLedgerCommits, findTagDays, type LedgerCommit } from "./history/ledger-log.ts";

/** What a ledger is compared with. */
export interface LedgerQuestion extends LedgerTimes {
  /** The ledgers that it must have grown from. */
  readonly bases: readonly EarlierLedger[];
  /** A ledger whose rows have been judged already. */
  readonly judged?: Ledger | undefined;
}

/** Checks the rows of a tree's ledger, and that it has only grown since its bases. */
export const checkLedger: Check<LedgerQuestion> = async (tree, question) => {
  const { bases, judged, today } = question;
  const known = [...(judged === undefined ? [] : [judged]), ...bases.map((base) => base.ledger)];
  const ledger = await readLedger(tree, today, known);
  if (ledger === undefined) {
    return [missing("Restore it: the ledger is append-only")];
  }
  const findings = [
    ...checkRows(ledger, question, judged === undefined ? [] : [judged]),
    // Each base is one that the ledger must have grown from: rows of one are no excuse for another.
    ...bases.flatMap((base) => checkAppendOnly(ledger, [base])),
    ...(judged === undefined
      ? []
      : checkAppendOnly(ledger, [{ ledger: judged, shown: "the last commit" }])),
  ];
  const told = unique(findings);
  return told.some(({ level }) => level === "error")
    ? told
    : [...told, notice(evidence(ledger, bases), { at: { file: layout.ledger } })];
};

function evidence({ rows }: Ledger, bases: readonly EarlierLedger[]): string {
  const malformed = rows.filter(({ kind }) => kind === "malformed").length;
  const state = malformed === 0 ? "all sound" : `${malformed} malformed`;
  const count = `${layout.ledger}: ${rows.length} ${rows.length === 1 ? "row" : "rows"}, ${state}`;
  const kept = bases.map(({ ledger, shown }) => `${entriesOf(ledger).length} of ${shown} kept`);
  return [count, ...kept].join("; ");
}

/** Another ledger has no history here that it could be held to. */
function checkLedgerVariable(value: string | undefined): Finding[] {
  return value
    ? [
        warning(`LEDGER is set and ignored: only ${layout.ledger} of the checkout is judged`, {
          remedy: "Unset LEDGER; to judge the ledger of another checkout: --repo DIR",
        }),
      ]
    : [];
}

function missing(remedy: string): Finding {
  return error(`ledger ${layout.ledger} not found.`, { at: { file: layout.ledger }, remedy });
}

function unique(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((each) => [JSON.stringify(each), each])).values()];
}

async function readLedger(
  tree: Tree,
  today: LedgerTimes["today"],
  earlier: readonly Ledger[] = [],
): Promise<Ledger | undefined> {
  const found = await tree.read(layout.ledger, { lenient: true });
  return found && parseLedger(found, today, earlier);
}

interface Bases {
  readonly parting: Parting;
  readonly ledgers: readonly EarlierLedger[];
}

interface Head {
  readonly shown: string;
  readonly commit: ObjectId;
  /** Whether it is the work tree that is judged, which started from the commit. */
  readonly isWorkTree: boolean;
}

/** The ledgers of the commits where the judged one parted from its base. */
async function findBases(
  repository: Repository,
  objects: Objects,
  base: string,
  head: Head,
  times: LedgerTimes,
): Promise<Bases> {
  const parting = await findParting(repository, base, head);
  const found = await Promise.all(
    parting.mergeBases.map(async (commit) => {
      const shown = `the base ${short(commit)}`;
      const ledger = await readLedger(commitTree(objects, commit), times.today);
      return ledger === undefined
        ? await findRenamed(repository, objects, { commit, shown }, head, times)
        : { ledger, shown };
    }),
  );
  return { parting, ledgers: found.filter((each) => each !== undefined) };
}

/** The ledger that a base has under another name, if that file is gone since. */
async function findRenamed(
  repository: Repository,
  objects: Objects,
  base: { readonly commit: ObjectId; readonly shown: string },
  { commit, isWorkTree }: Head,
  { today }: LedgerTimes,
): Promise<EarlierLedger | undefined> {
  const tree = isWorkTree ? workTree(repository.root) : commitTree(objects, commit);
  const [ledger, removed] = await Promise.all([
    readLedger(tree, today),
    findRemoved(repository, base.commit, isWorkTree ? undefined : commit),
  ]);
  const read = ledgerReader(objects, today);
  const found = ledger && (await findPredecessor(ledger, removed, read));
  return found && { ledger: await read(found), shown: `${base.shown} (${found.path})` };
}

function evidenceOf({ parting, ledgers }: Bases, shown: string): Finding {
  const { base, mergeBases } = parting;
  const at = `merge base ${mergeBases.map(short).join(" and ")}`;
  const against = `${shown} against base ${base.shown} (${at})`;
  return ledgers.length > 0
    ? notice(against)
    : warning(`${against}, which has no ${layout.ledger}: every row counts as new`, {
        remedy: "If the ledger was copied or restored, judge its whole history: --history",
      });
}

interface History {
  readonly findings: readonly Finding[];
  readonly commits: readonly LedgerCommit[];
  /** The ledger of the last commit. */
  readonly last: Ledger | undefined;
}

/** Judges what each commit did to the ledger; a fault is told of the commit that brought it. */
async function judgeHistory(
  repository: Repository,
  objects: Objects,
  head: ObjectId,
  times: LedgerTimes,
): Promise<History> {
  const read = ledgerReader(objects, times.today);
  const commits = await findLedgerCommits(repository, head, read);
  const findings: Finding[] = [];
  for (const each of commits) {
    const earlier = await Promise.all(
      each.parents.map(async (parent) => ({
        ledger: await read(parent),
        shown: `commit ${short(parent.commit)}`,
      })),
    );
    const found =
      each.ledger === undefined
        ? [missing("Restore it: the ledger is append-only")]
        : judgeStep(await read(each.ledger), earlier, times);
    for (const one of found) {
      findings.push(inHistory(one, each));
    }
  }
  const last = await readLedger(commitTree(objects, head), times.today);
  if (commits.length > 0 && findings.every(({ level }) => level !== "error")) {
    const count = commits.length === 1 ? "1 commit" : `${commits.length} commits`;
    findings.push(notice(`${layout.ledger}: ${count} touched it, and only appended`));
  }
  return { findings, commits, last };
}

function judgeStep(ledger: Ledger, earlier: readonly EarlierLedger[], times: LedgerTimes) {
  const before = earlier.map((each) => each.ledger);
  return unique([
    ...(earlier.length === 0 ? [beginning(ledger)] : []),
    ...checkRows(ledger, times, before),
    ...checkAppendOnly(ledger, earlier),
  ]);
}

/** A ledger grows by the row, so that one which begins with more may have grown elsewhere. */
function beginning({ rows, source }: Ledger): Finding {
  const at = { file: source.path };
  const message = `The ledger begins here with ${rows.length} ${rows.length === 1 ? "row" : "rows"}`;
  return rows.length <= 1
    ? notice(message, { at })
    : warning(`${message}: what came before is not judged`, {
        at,
        remedy: "Make sure that these rows are all that an earlier ledger had, if there was one",
      });
}

/** Names the commit, with what people know it by. */
function inHistory(finding: Finding, { id, subject, date }: LedgerCommit): Finding {
  const message = `${finding.message} (in ${short(id)} of ${date}, ${quote(subject)})`;
  return { ...finding, message, commit: id };
}

export const table = command({
  name: "release-gate/check-ledger.ts",
  summary: "Checks that every row of the ledger is sound, and that it has only been appended to.",
  operands: {
    base: optionalOperand(
      `the branch of ${layout.remote}, or any commit, to compare with (default: $GITHUB_BASE_REF; without either, only the rows are judged)`,
      nonEmpty,
    ),
  },
  options: {
    history: flag("judge every commit that ever touched the ledger, across renames"),
    ref: refOption,
  },
  refuses: [
    "the ledger is missing, or has a malformed row",
    "a row of the base is edited, removed or reordered, or a row is inserted between those",
    "--history: a commit did so, or the clone is shallow",
    "the base is unknown, has no commit in common, or the clone is too shallow to tell",
  ],
  example: "bun release-gate/check-ledger.ts main",
  async run({ operands, options, env, now, repository, report }) {
    const base = operands.base || env.GITHUB_BASE_REF;
    const opened = await repository();
    const shown = options.ref ?? "HEAD";
    const isWorkTree = options.ref === undefined;
    report.add(checkLedgerVariable(env.LEDGER));
    const needsHead = Boolean(base) || options.history;
    const [tagged, commit] = await Promise.all([
      findTagDays(opened),
      needsHead ? resolveCommit(opened, shown) : undefined,
    ]);
    const times: LedgerTimes = { today: dayOf(now), tagged };
    await using objects = openObjects(opened);
    // What one question leaves unanswered refuses, and the others still count.
    const against =
      base && commit !== undefined
        ? await attempt(() =>
            findBases(opened, objects, base, { shown, commit, isWorkTree }, times),
          )
        : undefined;
    const past =
      options.history && commit !== undefined
        ? await attempt(() => judgeHistory(opened, objects, commit, times))
        : undefined;
    const [bases, history] = [against?.value, past?.value];
    report.add(against?.findings ?? []);
    report.add(bases === undefined ? [] : evidenceOf(bases, shown));
    report.add(past?.findings ?? history?.findings ?? []);
    report.add(
      await judge(opened, options.ref, (tree) =>
        checkLedger(tree, { ...times, bases: bases?.ledgers ?? [], judged: history?.last }),
      ),
    );
    report.attach({
      ledger: layout.ledger,
      ...(bases && { base: bases.parting.base.shown, mergeBases: bases.parting.mergeBases }),
      ...(history && { commits: history.commits.map(({ id }) => id) }),
    });
  },
});

if (import.meta.main) {
  await main(table);
}
