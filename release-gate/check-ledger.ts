#!/usr/bin/env bun
/**
 * Checks the lab validation ledger: every row is valid, and rows were only appended.
 *
 * Usage: bun release-gate/check-ledger.ts [base] [--history] [--ref COMMIT] [--repo DIR] [--json]
 *        bun release-gate/check-ledger.ts --repair LINE
 *
 * A date before that of the row above, and a PASS for a version that was tagged before, are warnings; with
 * --history also malformed rows that a later commit repaired. Ignores LEDGER, with a warning. Needs no
 * lab, so it may run in CI.
 *
 * Exit codes: 0 passed, 1 refused or could not find out, 2 wrong command line, 130 interrupted.
 */

import { type Day, dayOf, isDay } from "../scripts/lib/calendar.ts";
import {
  command,
  flag,
  type Invocation,
  main,
  nonEmpty,
  option,
  optionalOperand,
  refOption,
  wholeNumber,
} from "../scripts/lib/cli.ts";
import { UsageError } from "../scripts/lib/command-line.ts";
import {
  beginLedger,
  type Entry,
  entriesOf,
  type Ledger,
  malformedFindings,
  malformedOf,
  parseLedger,
} from "../scripts/lib/files/ledger.ts";
import { attempt, error, type Finding, notice, warning } from "../scripts/lib/finding.ts";
import { gitOutput, resolveCommit } from "../scripts/lib/git/git.ts";
import { judge } from "../scripts/lib/git/judged-tree.ts";
import type { Repository } from "../scripts/lib/git/repository.ts";
import { layout } from "../scripts/lib/layout.ts";
import type { Check } from "../scripts/lib/tree.ts";
import { isCandidate, isVersion } from "../scripts/lib/version.ts";
import type { EarlierLedger } from "./history/growth.ts";

/** The data that a ledger is checked against. */
export interface LedgerQuestion {
  /** The latest valid date. */
  readonly today: Day;
  /** The day on which each version was tagged, by tag. */
  readonly tagged: ReadonlyMap<string, Day>;
  /** The ledgers to which rows were appended: several for several merge bases. */
  readonly bases: readonly EarlierLedger[];
  /** The ledger of the last commit, if its rows must be kept too. */
  readonly last?: Ledger | undefined;
}

/** Checks the rows of a tree's ledger, and that rows were only appended since its bases. */
export const checkLedger: Check<LedgerQuestion> = async (tree, question) => {
  const { bases, last, today } = question;
  const source = await tree.read(layout.ledger, { lenient: true });
  const at = { file: layout.ledger };
  if (source === undefined) {
    const remedy = `Restore it: the ledger is append-only. ${beginLedger}`;
    return [error(`ledger ${layout.ledger} not found.`, { at, remedy })];
  }
  const ledger = parseLedger(source, today);
  const findings = checkRows(ledger, question);
  if (bases.length > 0 || last !== undefined) {
    const { checkAppendOnly } = await import("./history/growth.ts");
    const committed = last === undefined ? [] : [{ ledger: last, shown: "the last commit" }];
    findings.push(...checkAppendOnly(ledger, bases), ...checkAppendOnly(ledger, committed));
  }
  if (findings.every(({ level }) => level !== "error")) {
    const { length } = ledger.rows;
    const count = `${layout.ledger}: ${length} ${length === 1 ? "row" : "rows"}, all valid`;
    const kept = bases.map((base) => `${entriesOf(base.ledger).length} of ${base.shown} kept`);
    findings.push(notice([count, ...kept].join("; "), { at }));
  }
  return findings;
};

/**
 * Returns an error for each malformed row, and a warning for each row whose date is before that of the
 * row above, or that is a PASS for a version that was tagged on an earlier day.
 */
function checkRows(ledger: Ledger, { tagged }: LedgerQuestion): Finding[] {
  const file = ledger.source.path;
  const findings = malformedFindings(
    malformedOf(ledger),
    error,
    ({ line }) => `Cannot read line ${line} of ${file}`,
  );
  let before: Entry | undefined;
  for (const entry of entriesOf(ledger)) {
    const { line, tag, sha, date, verdict } = entry;
    const at = { file, line, column: `${tag} ${sha} `.length + 1 };
    const tagDay = tagged.get(tag);
    if (before !== undefined && date < before.date) {
      const remedy = "Make sure that the row has the day of its lab run";
      const above = `before the date of line ${before.line} above it, ${before.date}`;
      findings.push(warning(`Line ${line} is dated ${date}, ${above}`, { at, remedy }));
    }
    if (verdict === "PASS" && tagDay !== undefined && tagDay < date) {
      const remedy = "Make sure that the row names the version that the lab ran";
      const late = `is a PASS of ${date} for ${tag}, which was tagged on ${tagDay}`;
      findings.push(warning(`Line ${line} ${late}`, { at, remedy }));
    }
    before = entry;
  }
  return findings;
}

/**
 * Returns the day in UTC on which each version was tagged, by tag. A candidate is left out: it is tagged so
 * that the lab can run it.
 *
 * @throws {Refusal} If git fails.
 */
async function findTagDays(repository: Repository): Promise<ReadonlyMap<string, Day>> {
  const { tagPrefix } = layout;
  const format = "--format=%(refname:strip=2) %(creatordate:format-local:%Y-%m-%d)";
  const list = ["for-each-ref", format, `refs/tags/${tagPrefix}*`];
  const env = { TZ: "UTC" };
  const output = await gitOutput(repository, "list the tags of versions", list, { env });
  const days = output.split("\n").flatMap((row): [string, Day][] => {
    const [tag = "", day = ""] = row.split(" ");
    const version = tag.slice(tagPrefix.length);
    const isRelease = isVersion(version) && !isCandidate(version);
    // A tag of a tree or a file has no date, and is not a release.
    return isRelease && isDay(day) ? [[tag, day]] : [];
  });
  return new Map(days);
}

/** Rewrites a row of the checkout's ledger with one tab between its columns. */
async function repair(
  { interrupt, now, report, repository }: Invocation,
  line: number,
): Promise<void> {
  const opened = await repository();
  const { repairRow } = await import("../scripts/lib/disk/ledger-file.ts");
  const row = await interrupt.hold(() => repairRow(opened, line, dayOf(now)));
  const at = { file: layout.ledger, line };
  report.attach({ ledger: layout.ledger });
  report.add(notice(`line ${line} now has one tab between its columns: ${row}; commit it`, { at }));
}

export const table = command({
  name: "release-gate/check-ledger.ts",
  needs: "ledger",
  summary: "Checks that every row of the ledger is valid, and that rows were only appended.",
  operands: {
    base: optionalOperand(
      `the branch of ${layout.remote}, or any commit, to compare with (default: $GITHUB_BASE_REF; without either, only the rows are judged)`,
      nonEmpty,
    ),
  },
  options: {
    history: flag("judge every commit that changed the ledger, across renames"),
    repair: option(
      "LINE",
      "rewrite that row of the ledger with one tab between its columns, and do nothing else",
      wholeNumber(1, 9_999_999),
    ),
    ref: refOption,
  },
  refuses: [
    "the ledger is missing, or has a malformed row",
    "a valid row of the base is edited, removed or moved, or a row is inserted before it",
    "--history: a commit did so, or the clone is shallow",
    "the base is unknown, has no commit in common, or the clone is shallow",
    "--repair: nothing is wrong with that row, or more than its separators",
  ],
  example: "bun release-gate/check-ledger.ts main",
  async run(invocation) {
    const { operands, options, env, now, repository, report } = invocation;
    const isJudged = operands.base !== undefined || options.history || options.ref !== undefined;
    if (options.repair !== undefined && isJudged) {
      throw new UsageError("--repair checks nothing: give it without base, --history and --ref");
    }
    if (env.LEDGER) {
      // That ledger has no history in this repository.
      const remedy = "Unset LEDGER; to judge the ledger of another checkout: --repo DIR";
      const ignored = `LEDGER is set and ignored: only ${layout.ledger} of the checkout is judged`;
      report.add(warning(ignored, { remedy }));
    }
    if (options.repair !== undefined) {
      return await repair(invocation, options.repair);
    }
    const base = operands.base || env.GITHUB_BASE_REF;
    const opened = await repository();
    const shown = options.ref ?? "HEAD";
    const today = dayOf(now);
    const needsHead = Boolean(base) || options.history;
    const [tagged, commit] = await Promise.all([
      findTagDays(opened),
      needsHead ? resolveCommit(opened, shown) : undefined,
    ]);
    // Without a base and --history, git objects and the history are not needed.
    const growth = commit && (await import("./history/growth.ts"));
    const { openObjects } = commit ? await import("../scripts/lib/git/objects.ts") : {};
    await using objects = openObjects?.(opened);
    // A question without an answer refuses, but does not prevent the other ones.
    const against =
      base && objects && growth
        ? await attempt(() => growth.findBases(opened, objects, base, { shown, commit }, today))
        : undefined;
    const past =
      options.history && objects && growth
        ? await attempt(() => growth.judgeHistory(opened, objects, commit, today))
        : undefined;
    const [bases, history] = [against?.value, past?.value];
    report.add(against?.findings ?? (bases ? [bases.evidence] : []));
    report.add(past?.findings ?? history?.findings ?? []);
    report.add(
      await judge(opened, options.ref, (tree) =>
        checkLedger(tree, { today, tagged, bases: bases?.ledgers ?? [], last: history?.last }),
      ),
    );
    report.attach({
      ledger: layout.ledger,
      ...bases?.data,
      ...(history && { commits: history.commits }),
    });
  },
});

if (import.meta.main) {
  await main(table);
}
