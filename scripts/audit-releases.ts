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
import { checkHelmTagVersion } from "./check-helm-tag-version.ts";
import { judgeTagVersion } from "./check-tag-version.ts";
import { pageMark, pageOf } from "./lib/audit/page.ts";
import {
  type Content,
  compareRows,
  type Head,
  isUnreadable,
  type Lab,
  pastFaults,
  type ReleaseTag,
  type Row,
  releaseTagOf,
  type StaleReference,
  totalLines,
  totalsOf,
  unreadable,
} from "./lib/audit/record.ts";
import { fullTable, tableLines } from "./lib/audit/table.ts";
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
import {
  type Attempt,
  attempt,
  error,
  type Finding,
  notice,
  refusal,
  warning,
} from "./lib/finding.ts";
import { layout } from "./lib/layout.ts";
import { showProgress } from "./lib/progress.ts";
import type { Json } from "./lib/report.ts";
import type { Tree } from "./lib/tree.ts";
import { compareVersions, isVersion, type Version } from "./lib/version.ts";
import type { Repository } from "./lib/world/git.ts";
import { inCommit } from "./lib/world/judged-tree.ts";
import { openObjectMemory, type Recall } from "./lib/world/object-memory.ts";
import { commitTree, type Objects } from "./lib/world/objects.ts";
import { checkOwnFile, writeOwnFile } from "./lib/world/own-file.ts";
import {
  listTags,
  type Mainline,
  readMainline,
  readTagHead,
  type TagHead,
} from "./lib/world/tags.ts";

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
    manifests: inWorkspace.length > 0 ? "unreadable" : verdictOf(judge(read, version)),
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

function judge({ workspace }: References, version: Version): readonly Finding[] {
  return judgeTagVersion(workspace, version);
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

// All tags

/** What an audit found. */
export interface Audit {
  readonly rows: readonly Row[];
  /** Names that begin like a release tag, and are none. */
  readonly others: readonly string[];
  /** What stood for the main branch. */
  readonly main: Attempt<Mainline>;
  readonly recall: Recall;
}

/** What is to be audited, and who is told how far it is. */
export interface AuditQuestion {
  /** Tags of that version or later; charts that were tagged no earlier than it. */
  readonly since?: Version | undefined;
  /** Another commit to stand for the main branch. */
  readonly main?: string | undefined;
  readonly signal: AbortSignal;
  onProgress?(done: number, total: number): void;
}

/** How many tags are worked on at once: git reads for one while another is judged. */
const atOnce = 4;

/**
 * Audits the tags of a repository, in the order of history.
 *
 * @throws {Refusal} If the tags cannot be listed, there is none, or there is no tag `since`.
 */
export async function auditReleases(
  repository: Repository,
  { since, main: mainName, signal, onProgress = () => {} }: AuditQuestion,
): Promise<Audit> {
  const [refs, mainline] = await Promise.all([
    listTags(repository, [layout.tagPrefix, layout.chartTagPrefix]),
    attempt(() => readMainline(repository, mainName)),
  ]);
  const named = refs.flatMap((ref) => {
    const name = releaseTagOf(ref.tag);
    return name === undefined ? [] : [{ name, ref }];
  });
  if (named.length === 0) {
    throw refusal("Cannot audit releases: found no release tag in this repository", {
      remedy: `Fetch the tags: git fetch --tags ${layout.remote} (in GitHub Actions, check out with fetch-depth: 0)`,
    });
  }
  await using objects = openObjectMemory(repository);
  const heads = await eachOf(named, signal, async ({ name, ref }) => ({
    name,
    head: await attempt(() => readTagHead(objects, ref)),
  }));
  const kept = since === undefined ? heads : keepSince(heads, since);
  let done = 0;
  const rows = await eachOf(kept, signal, async ({ name, head }) => {
    const row = await auditTag(objects, name, head, mainline.value);
    done += 1;
    onProgress(done, kept.length);
    return row;
  });
  const taken = new Set(named.map(({ ref }) => ref.tag));
  return {
    rows: rows.sort(compareRows),
    others: refs.map(({ tag }) => tag).filter((tag) => !taken.has(tag)),
    main: mainline,
    recall: objects.recall(),
  };
}

interface ReadTag {
  readonly name: ReleaseTag;
  readonly head: Attempt<TagHead>;
}

/** A chart has versions of its own: it counts from the moment of the release on. */
function keepSince(tags: readonly ReadTag[], since: Version): readonly ReadTag[] {
  const first = tags.find(({ name }) => name.kind === "release" && name.version === since);
  if (first === undefined) {
    const later = tags
      .filter(({ name }) => name.kind === "release" && compareVersions(name.version, since) > 0)
      .toSorted((one, other) => compareVersions(one.name.version, other.name.version))[0];
    throw refusal(
      `Cannot audit releases since ${layout.tagPrefix}${since}: found no such tag in this repository`,
      {
        remedy:
          later === undefined
            ? `Name a release tag that is here, or fetch it: git fetch --tags ${layout.remote}`
            : `Name a release tag that is here; the next one is ${later.name.tag}`,
      },
    );
  }
  // Where the date is unknown, nothing is left out.
  const from = first.head.value?.seconds ?? Number.NEGATIVE_INFINITY;
  return tags.filter(({ name, head }) =>
    name.kind === "release"
      ? compareVersions(name.version, since) >= 0
      : (head.value?.seconds ?? Number.POSITIVE_INFINITY) >= from,
  );
}

async function auditTag(
  objects: Objects,
  name: ReleaseTag,
  { value, findings }: Attempt<TagHead>,
  main: Mainline | undefined,
): Promise<Row> {
  if (value === undefined) {
    return { ...name, head: undefined, ...unreadable(findings) };
  }
  const head = headOf(name, value, main);
  const tree = commitTree(objects, head.commit);
  const content = await attempt(() =>
    name.kind === "chart" ? auditChart(tree, name.version) : auditRelease(tree, name.version, head),
  );
  const { faults, ...rest } = content.value ?? unreadable(content.findings ?? []);
  return { ...name, head, ...rest, faults: inCommit(head.commit, faults) };
}

function headOf({ tag }: ReleaseTag, head: TagHead, main: Mainline | undefined): Head {
  const { object, commit, seconds, dateOf } = head;
  const isOn = main?.commits.has(commit);
  return {
    date: dayOf(new Date(seconds * 1000)),
    dateOf,
    seconds,
    commit,
    signature:
      object === undefined ? "lightweight" : object.signature === undefined ? "unsigned" : "signed",
    onMain: isOn ? "yes" : main === undefined || main.isShallow ? "unknown" : "no",
    calledItself: object !== undefined && object.tag !== tag ? object.tag : undefined,
    bypasses: (object?.message.split("\n") ?? []).flatMap(
      (line) => /^Bypassed: (.+)$/.exec(line.trimEnd())?.[1] ?? [],
    ),
  };
}

/** Works through a list, a few at once, and answers in its order. */
async function eachOf<Item, Result>(
  items: readonly Item[],
  signal: AbortSignal,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const waiting = items.entries();
  async function worker(): Promise<void> {
    for (const [index, item] of waiting) {
      signal.throwIfAborted();
      results[index] = await work(item);
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}

// Findings

/** The findings of an audit: what could not be read refuses, faults of the past are warnings. */
export function findingsOfAudit({ rows, others, main: mainline }: Audit): Finding[] {
  return [
    ...(mainline.findings ?? []),
    ...shallowFault(rows),
    ...rows.flatMap((row) => [...row.faults.map((fault) => unreadableAt(row, fault))]),
    ...rows.flatMap(pastWarning),
    ...otherNotice(others),
    ...totalLines(totalsOf(rows)).map((line) => notice(line)),
  ];
}

function shallowFault(rows: readonly Row[]): Finding[] {
  const unknown = rows.filter(({ head }) => head?.onMain === "unknown").length;
  return unknown === 0
    ? []
    : [
        error(`Cannot tell whether ${unknown} of ${rows.length} tags are on the main branch`, {
          remedy:
            "Fetch the whole history: git fetch --unshallow (in GitHub Actions, check out with fetch-depth: 0)",
        }),
      ];
}

function unreadableAt({ tag }: Row, fault: Finding): Finding {
  return error(`Cannot audit all of ${tag}: ${fault.message}`, fault);
}

function pastWarning(row: Row): Finding[] {
  const faults = pastFaults(row);
  const script = row.kind === "chart" ? "check-helm-tag-version" : "check-references";
  const hasDetails = row.manifests === "differ" || (row.stale !== "unreadable" && row.stale[0]);
  return faults.length === 0
    ? []
    : [
        warning(`${row.tag}: ${faults.join("; ")}`, {
          commit: row.head?.commit,
          remedy: hasDetails
            ? `See each: bun scripts/${script}.ts ${row.tag} --ref ${row.tag}`
            : undefined,
        }),
      ];
}

/** How many names a line holds. */
const namedTags = 20;

function otherNotice(others: readonly string[]): Finding[] {
  if (others.length === 0) {
    return [];
  }
  const rest = others.length - namedTags;
  const names = others.slice(0, namedTags).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
  return [notice(`not release tags, left out: ${names}`)];
}

// The command

const table = command({
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
      `a commit to stand for the main branch (default: ${layout.mainBranch}, else ${layout.remote}/${layout.mainBranch})`,
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
