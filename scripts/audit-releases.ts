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
import { checkPath, pageOf, writePage } from "./audit/page.ts";
import {
  cellsOf,
  columns,
  faultPhrases,
  pastFaults,
  plural,
  type Row,
  tableLines,
  totalLines,
  totalsOf,
} from "./audit/record.ts";
import { type Audit, auditReleases } from "./audit/survey.ts";
import { dayOf } from "./lib/calendar.ts";
import { command, main, nonEmpty, option, versionOf } from "./lib/cli.ts";
import { error, type Finding, notice, shellWord } from "./lib/finding.ts";
import { layout } from "./lib/layout.ts";
import type { Json } from "./lib/report.ts";
import type { Version } from "./lib/version.ts";

/**
 * Returns an audit as findings: an error for everything that could not be read, and notices with the
 * totals and with the newest example of each kind of fault.
 *
 * @param rows From the newest to the oldest.
 * @param mainFaults Why the main branch was not found; undefined if it was.
 */
export function findingsOfAudit(
  rows: readonly Row[],
  mainFaults: readonly Finding[] | undefined,
): Finding[] {
  const totals = totalsOf(rows);
  const unread = rows.flatMap((row) => row.faults.map((fault) => ({ row, fault })));
  const faults = rows.flatMap((row) => pastFaults(row).map((fault) => ({ row, ...fault })));
  return [
    ...(mainFaults ?? cutOff(totals.onMain.unknown)),
    ...grouped(unread, ({ fault }) => fault.message).map(({ newest: { row, fault }, count }) => {
      const others = count > 1 ? ` and ${plural(count - 1, "other tag")}` : "";
      return error(`Cannot audit all of ${row.tag}${others}: ${fault.message}`, {
        ...fault,
        remedy: fault.at === undefined ? fault.remedy : lookAt(row.tag, fault.at),
      });
    }),
    ...totalLines(totals).map((line) => notice(line)),
    ...grouped(faults, ({ kind }) => kind).map(({ newest: { row, kind, detail }, count }) => {
      const example = detail === undefined ? row.tag : `${row.tag} (${detail})`;
      return notice(`${kind}: ${plural(count, "tag")}, newest ${example}`);
    }),
  ];
}

function cutOff(tags: number): Finding[] {
  const remedy =
    "Fetch the whole history: git fetch --unshallow (in GitHub Actions, check out with fetch-depth: 0)";
  const what = `for ${plural(tags, "tag")} whether the commit is on the main branch`;
  return tags === 0 ? [] : [error(`Cannot find out ${what}: this clone is shallow`, { remedy })];
}

/** Returns the first item of each group, and the number of its items. */
function grouped<Item>(items: readonly Item[], key: (item: Item) => string) {
  return [...Map.groupBy(items, key).values()].flatMap(([newest, ...others]) =>
    newest === undefined ? [] : [{ newest, count: others.length + 1 }],
  );
}

/** Returns the remedy that shows a file of a tag. A file without a line may not exist. */
function lookAt(tag: string, { file, line }: NonNullable<Finding["at"]>): string {
  const shown = line === undefined ? `--stat ${shellWord(tag)}` : shellWord(`${tag}:${file}`);
  return `Look at what was tagged: git show ${shown}`;
}

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
      checkPath(page);
    }
    const repository = await invocation.repository();
    const question = { since: options.since, main: options.ref, signal: interrupt.signal };
    const audit = await report.waitFor("Auditing tags", auditReleases(repository, question));
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
      writePage(page, pageOf(audit, options.since, dayOf(now)));
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
      unreadable: row.faults.map(({ message }) => message),
    })),
  };
  return data as unknown as Json;
}

if (import.meta.main) {
  await main(table);
}
