#!/usr/bin/env bun
/**
 * Audits every release tag and chart tag of a repository. Reads only the local repository, and fetches
 * nothing.
 *
 * Usage: bun scripts/audit-releases.ts [--since vX.Y.Z] [--html FILE] [--ref COMMIT] [--repo DIR] [--json]
 *
 * Judges each tag by the files and the ledger of its own commit, as of the day of the tag. Prints a line
 * for each tag, the newest first, the totals, and a line for each kind of fault with its newest
 * example. A fault of a published release is a notice, because it can no longer be corrected. Refuses
 * if there is no tag to audit, or if a part of a tag cannot be read: the other tags are audited too.
 *
 * Exit codes: 0 every tag was judged, 1 refused or could not find out, 2 wrong command line, 130
 * interrupted.
 */

import { resolve } from "node:path";
import { defaultQuestion, findLabValidation } from "../release-gate/check-lab-validation.ts";
import { findPage, pageOf, writePage } from "./audit/page.ts";
import {
  type Content,
  faultPhrases,
  findingsOfAudit,
  type Head,
  isLabBypass,
  isUnreadable,
  type Lab,
  type ReleaseTag,
  type StaleReference,
  totalsOf,
} from "./audit/record.ts";
import { type Audit, auditReleases } from "./audit/survey.ts";
import { cellsOf, columns, tableLines } from "./audit/table.ts";
import { checkHelmTagVersion } from "./check-helm-tag-version.ts";
import { judgeTagVersion } from "./check-tag-version.ts";
import { dayOf } from "./lib/calendar.ts";
import { command, main, nonEmpty, option, versionOf } from "./lib/cli.ts";
import { chartManifest, readChart } from "./lib/files/chart.ts";
import {
  applicationVersions,
  isStale,
  type References,
  readReferences,
  type Versions,
} from "./lib/files/references.ts";
import { attempt, type Finding, notice, Refusal } from "./lib/finding.ts";
import { layout } from "./lib/layout.ts";
import { showProgress } from "./lib/progress.ts";
import type { Json } from "./lib/report.ts";
import type { Tree } from "./lib/tree.ts";
import { isVersion, type Version } from "./lib/version.ts";

/**
 * Judges the files of a tagged commit; for the tag of a chart, only the files that state its version.
 *
 * @param head The day of the tag, as of which the ledger is judged, and its bypasses.
 */
export async function judgeContent(
  tree: Tree,
  { kind, version }: Pick<ReleaseTag, "kind" | "version">,
  head: Pick<Head, "date" | "bypasses">,
): Promise<Content> {
  const isChart = kind === "chart";
  const chart = await attempt(() => readChartVersions(tree));
  const versions = isChart ? chartVersions(version, chart.value) : applicationVersions(version);
  const read = await readReferences(tree, versions);
  const inWorkspace = isChart ? [] : read.workspace.faults;
  const [manifests, lab] = await Promise.all([
    attempt(async () => {
      if (inWorkspace.length > 0) {
        throw new Refusal(inWorkspace);
      }
      return isChart
        ? await checkHelmTagVersion(tree, version)
        : judgeTagVersion(read.workspace, version);
    }),
    attempt(async () => (isChart ? "not asked" : await findLab(tree, version, head))),
  ]);
  const isDifferent = manifests.value?.some(({ level }) => level === "error");
  const parts = [manifests, { findings: read.faults }, lab, chart];
  return {
    manifests: manifests.findings ? "unreadable" : isDifferent ? "differ" : "agree",
    lab: lab.value ?? "unreadable",
    stale: inWorkspace.length + read.faults.length > 0 ? "unreadable" : staleIn(read, versions),
    chart: chart.value ?? "unreadable",
    faults: unique(parts.flatMap(({ findings = [] }) => findings)),
  };
}

/** Returns the versions that the references of a chart must state. */
function chartVersions(version: Version, chart: Content["chart"] | undefined): Versions {
  const appVersion = typeof chart === "object" ? chart.appVersion : undefined;
  return {
    chart: version,
    ...(appVersion !== undefined && isVersion(appVersion) ? { appVersion } : {}),
  };
}

/** Returns faults, each message once: several questions may find the same fault. */
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

async function findLab(
  tree: Tree,
  version: Version,
  { date, bypasses }: Pick<Head, "date" | "bypasses">,
): Promise<Lab> {
  const ledger = await tree.read(layout.ledger, { lenient: true });
  const question = { ...defaultQuestion, maxAgeDays: Number.POSITIVE_INFINITY };
  const found = ledger && (await findLabValidation(tree, { ...question, version, today: date }));
  const skipped = bypasses.some(isLabBypass);
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

/** Returns the versions of the chart, or `none` for a release from before the chart. */
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
      "also write a page with a timeline; only an earlier page is replaced",
      nonEmpty,
    ),
    ref: option(
      "COMMIT",
      `the commit to use as the main branch (default: ${layout.mainBranch}, or ${layout.remote}/${layout.mainBranch} if that is ahead or the only one)`,
      nonEmpty,
    ),
  },
  refuses: [
    "there is no release tag, or none of the version that --since names",
    "a part of a tag cannot be read; the other tags are audited nevertheless",
    "the commits on the main branch cannot be listed",
    "FILE exists and is not a page of an earlier audit",
  ],
  example: "bun scripts/audit-releases.ts --since v1.0.0 --html audit.html",
  async run(invocation) {
    const { options, cwd, interrupt, now, report } = invocation;
    const page = options.html === undefined ? undefined : resolve(cwd, options.html);
    if (page !== undefined) {
      findPage(page);
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
    const { rows, others } = audit;
    for (const line of tableLines(rows)) {
      report.print(line);
    }
    report.add(findingsOfAudit(rows, audit.main.findings));
    if (others.length > 0) {
      report.add(notice(`not release tags, left out: ${firstOf(others, 10)}`));
    }
    report.tabulate({ columns: columns.map(({ name }) => name), rows: cellsOf(rows) });
    report.attach(() => dataOf(audit, options.since));
    if (page !== undefined) {
      writePage(
        page,
        pageOf({ rows, main: audit.main.value, since: options.since, day: dayOf(now) }),
      );
      report.add(notice(`wrote ${options.html}`));
    }
  },
});

function firstOf(names: readonly string[], count: number): string {
  const more = names.length > count ? ` and ${names.length - count} more` : "";
  return names.slice(0, count).join(", ") + more;
}

function dataOf({ rows, others, main: { value: main } }: Audit, since: Version | undefined): Json {
  const data = {
    main: main && { name: main.shown, commit: main.commit },
    since,
    totals: totalsOf(rows),
    others,
    tags: rows.map((row) => ({
      ...row,
      head: undefined,
      ...row.head,
      seconds: undefined,
      staleCount: row.stale === "unreadable" ? null : row.stale.length,
      faults: faultPhrases(row),
      unreadable: isUnreadable(row) ? row.faults.map(({ message }) => message) : [],
    })),
  };
  return data as unknown as Json;
}

if (import.meta.main) {
  await main(table);
}
