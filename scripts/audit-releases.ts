#!/usr/bin/env bun
/**
 * Audits every release tag and chart tag of a repository: how sound the releases before this one
 * were. Reads only what is here, and fetches nothing.
 *
 * Usage: bun scripts/audit-releases.ts [--since vX.Y.Z] [--html FILE] [--ref COMMIT] [--repo DIR] [--json]
 *
 * Each tag is judged by the files of its own commit and by the ledger as it was on its own day. A
 * fault of the past is a warning. Refuses when there is no tag to audit, and when something about a
 * tag could not be read: its row says so, and the audit goes on.
 *
 * On a terminal that is too narrow the table first uses short words, then leaves out whole columns,
 * the chart first and the date last; elsewhere it is as wide as it is.
 *
 * Exit codes: 0 every tag was judged, 1 refused or could not find out, 2 wrong command line, 130
 * interrupted.
 */

import { resolve } from "node:path";
import { defaultQuestion, findLabValidation } from "../release-gate/check-lab-validation.ts";
import { findingsOfAudit } from "./audit/findings.ts";
import { checkOwnFile, writeOwnFile } from "./audit/own-file.ts";
import { pageMark, pageOf } from "./audit/page.ts";
import {
  type Content,
  isUnreadable,
  type Lab,
  pastFaults,
  type ReleaseTag,
  type Row,
  type StaleReference,
  totalsOf,
} from "./audit/record.ts";
import { type Audit, auditReleases } from "./audit/survey.ts";
import { fullTable, tableLines } from "./audit/table.ts";
import { checkHelmTagVersion } from "./check-helm-tag-version.ts";
import { judgeTagVersion } from "./check-tag-version.ts";
import { type Day, dayOf } from "./lib/calendar.ts";
import { command, main, nonEmpty, option, versionOf } from "./lib/cli.ts";
import { chartManifest, readChart } from "./lib/files/chart.ts";
import {
  applicationVersions,
  isStale,
  type References,
  readReferences,
  type Versions,
} from "./lib/files/references.ts";
import { attempt, type Finding, notice } from "./lib/finding.ts";
import { layout } from "./lib/layout.ts";
import { showProgress } from "./lib/progress.ts";
import type { Json } from "./lib/report.ts";
import type { Tree } from "./lib/tree.ts";
import { isVersion, type Version } from "./lib/version.ts";

// Decisions about the files of one tag

/** What is known of a tag when its files are judged. */
export interface Tagged {
  /** The day of the tag: the ledger counts as it was then. */
  readonly date: Day;
  /** What the tag's message says was bypassed. */
  readonly bypasses: readonly string[];
}

/** Judges the files that an application release was tagged with. */
export async function auditRelease(tree: Tree, version: Version, tagged: Tagged): Promise<Content> {
  const [read, lab, chart] = await Promise.all([
    readReferences(tree, applicationVersions(version)),
    attempt(() => findLab(tree, version, tagged)),
    attempt(() => readChartVersions(tree)),
  ]);
  const inWorkspace = read.workspace.faults;
  const faults = [inWorkspace, read.faults, lab.findings ?? [], chart.findings ?? []].flat();
  return {
    manifests:
      inWorkspace.length > 0 ? "unreadable" : verdictOf(judgeTagVersion(read.workspace, version)),
    lab: lab.value ?? "unreadable",
    stale:
      inWorkspace.length + read.faults.length > 0
        ? "unreadable"
        : staleIn(read, applicationVersions(version)),
    chart: chart.value ?? "unreadable",
    faults: unique(faults),
  };
}

/** Judges the files that a chart was tagged with: what follows the chart, and nothing else. */
export async function auditChart(tree: Tree, version: Version): Promise<Content> {
  const [agreement, chart] = await Promise.all([
    attempt(() => checkHelmTagVersion(tree, version)),
    attempt(() => readChart(tree, layout.chart)),
  ]);
  const appVersion = chart.value?.appVersion?.value;
  const versions: Versions = {
    chart: version,
    ...(appVersion !== undefined && isVersion(appVersion) ? { appVersion } : {}),
  };
  const read = await readReferences(tree, versions);
  return {
    manifests: agreement.value === undefined ? "unreadable" : verdictOf(agreement.value),
    lab: "not asked",
    stale: read.faults.length > 0 ? "unreadable" : staleIn(read, versions),
    chart:
      chart.value === undefined ? "unreadable" : { version: chart.value.version.value, appVersion },
    faults: unique([agreement.findings ?? [], chart.findings ?? [], read.faults].flat()),
  };
}

/** Judges the files that a tag of either kind was put on. */
export function judgeContent(tree: Tree, { kind, version }: ReleaseTag, head: Tagged) {
  return kind === "chart" ? auditChart(tree, version) : auditRelease(tree, version, head);
}

function verdictOf(findings: readonly Finding[]): Content["manifests"] {
  return findings.some(({ level }) => level === "error") ? "differ" : "agree";
}

/** Questions that meet the same fault tell it once. */
function unique(faults: readonly Finding[]): Finding[] {
  return [...new Map(faults.map((each) => [each.message, each])).values()];
}

function staleIn({ references }: References, versions: Versions): StaleReference[] {
  return references.flatMap((each) => {
    const version = versions[each.row.follows];
    return version !== undefined && isStale(each, versions)
      ? [
          {
            row: each.row.name,
            file: each.file,
            what: each.what,
            found: each.written,
            expected: each.becomes(version),
          },
        ]
      : [];
  });
}

const labBypass = "lab validation gate (--skip-lab)";

async function findLab(tree: Tree, version: Version, { date, bypasses }: Tagged): Promise<Lab> {
  const ledger = await tree.read(layout.ledger, { lenient: true });
  const question = { ...defaultQuestion, maxAgeDays: Number.POSITIVE_INFINITY };
  const found = ledger && (await findLabValidation(tree, { ...question, version, today: date }));
  const skipped = bypasses.includes(labBypass);
  return {
    state: skipped ? "skipped" : found === undefined ? "none" : "pass",
    pass: found && {
      date: found.entry.date,
      ageDays: found.ageDays,
      labCommit: found.entry.sha,
    },
    hasLedger: ledger !== undefined,
  };
}

/** A release may be older than the chart. */
async function readChartVersions(tree: Tree): Promise<Content["chart"]> {
  if ((await tree.read(chartManifest(layout.chart))) === undefined) {
    return "none";
  }
  const { version, appVersion } = await readChart(tree, layout.chart);
  return { version: version.value, appVersion: appVersion?.value };
}

// The command

export const table = command({
  name: "scripts/audit-releases.ts",
  summary: "Audits every release tag and chart tag of the repository.",
  operands: {},
  options: {
    since: option(
      `${layout.tagPrefix}X.Y.Z`,
      "audit tags of that version or later, and charts tagged since then",
      versionOf(layout.tagPrefix),
    ),
    html: option(
      "FILE",
      "also write a page with a timeline; of what is there, only such a page is replaced",
      nonEmpty,
    ),
    ref: option(
      "COMMIT",
      `a commit to stand for the main branch (default: ${layout.mainBranch}, or ${layout.remote}/${layout.mainBranch} where that is ahead or alone)`,
      nonEmpty,
    ),
  },
  refuses: [
    "there is no release tag, or none of the version that --since names",
    "something about a tag cannot be read; the other tags are audited all the same",
    "it cannot be told which commits are on the main branch",
    "FILE is there and is no page of an earlier audit",
  ],
  example: "bun scripts/audit-releases.ts --since v1.0.0 --html audit.html",
  async run(invocation) {
    const { options, cwd, interrupt, now, report, terminal } = invocation;
    const page = options.html === undefined ? undefined : resolve(cwd, options.html);
    if (page !== undefined) {
      checkOwnFile(page, pageMark);
    }
    const repository = await invocation.repository();
    let last = "";
    const stop = showProgress(
      invocation,
      () => "Auditing tags",
      () => last,
    );
    const audit = await auditReleases(repository, {
      since: options.since,
      main: options.ref,
      signal: interrupt.signal,
      judge: judgeContent,
      onProgress(done, total) {
        last = `${done} of ${total}`;
      },
    }).finally(stop);
    const { rows } = audit;
    const width = terminal.shown() ? terminal.columns() - 1 : Number.POSITIVE_INFINITY;
    for (const line of tableLines(rows, width)) {
      report.say(line);
    }
    report.add(findingsOfAudit(audit));
    report.tabulate(fullTable(rows));
    report.attach(dataOf(audit, options.since));
    if (page !== undefined) {
      const main = audit.main.value;
      const subject = { rows, main: main && { shown: main.shown, commit: main.commit } };
      writeOwnFile(page, pageOf({ ...subject, since: options.since, day: dayOf(now) }), pageMark);
      report.add(notice(`wrote ${options.html}`));
    }
  },
});

function dataOf({ rows, others, main: mainline }: Audit, since: Version | undefined): Json {
  return {
    main: mainline.value && { name: mainline.value.shown, commit: mainline.value.commit },
    since,
    totals: { ...totalsOf(rows) } as unknown as Json,
    others,
    tags: rows.map(jsonOf),
  };
}

function jsonOf(row: Row): Json {
  const { kind, tag, version, head, manifests, lab, stale, chart, faults } = row;
  return {
    kind,
    tag,
    version,
    ...(head === undefined ? {} : { ...head, seconds: undefined }),
    manifests,
    lab: typeof lab === "string" ? lab : { ...lab },
    staleCount: stale === "unreadable" ? null : stale.length,
    stale: stale === "unreadable" ? stale : stale.map((each) => ({ ...each })),
    chart: typeof chart === "string" ? chart : { ...chart },
    faults: pastFaults(row),
    unreadable: isUnreadable(row) ? faults.map(({ message }) => message) : [],
  };
}

if (import.meta.main) {
  await main(table);
}
