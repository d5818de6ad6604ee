/** Judges all tags of a repository, each by the files and the ledger of its own commit. */

import { defaultQuestion, findLabValidation } from "../../release-gate/check-lab-validation.ts";
import { checkHelmTagVersion } from "../check-helm-tag-version.ts";
import { judgeTagVersion } from "../check-tag-version.ts";
import { dayOf } from "../lib/calendar.ts";
import { chartManifest, readChart } from "../lib/files/chart.ts";
import {
  applicationVersions,
  isStale,
  type References,
  readReferences,
  type Versions,
} from "../lib/files/references.ts";
import { type Attempt, attempt, type Finding, Refusal, refusal } from "../lib/finding.ts";
import { findCommit, gitOutput, type ObjectId } from "../lib/git/git.ts";
import { inCommit } from "../lib/git/judged-tree.ts";
import { commitTree, openObjects } from "../lib/git/objects.ts";
import { relationTo } from "../lib/git/remote.ts";
import type { Repository } from "../lib/git/repository.ts";
import { listTags, resolveTag, type Tag } from "../lib/git/tag.ts";
import { has, layout } from "../lib/layout.ts";
import { baseBranch } from "../lib/release-branch.ts";
import type { Tree } from "../lib/tree.ts";
import { compareVersions, isCandidate, isVersion, type Version } from "../lib/version.ts";
import {
  type Content,
  compareRows,
  type Head,
  isLabBypass,
  type Lab,
  type ReleaseTag,
  type Row,
  releaseTagOf,
  type StaleReference,
  unreadable,
} from "./record.ts";

/** The result of an audit. */
export interface Audit {
  /** From the newest to the oldest. */
  readonly rows: readonly Row[];
  /** Tags with the prefix of a release tag but without a version. */
  readonly others: readonly string[];
  /** The main branch, or why it was not found. */
  readonly main: Attempt<Mainline>;
}

/** The options of an audit. */
interface AuditQuestion {
  /** Audit tags of that version or later, and charts that were tagged since then. */
  readonly since?: Version | undefined;
  /** The commit to use as the main branch. */
  readonly main?: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Audits the tags of a repository.
 *
 * @throws {Refusal} If the tags cannot be listed, there is none, or the tag of `since` does not exist.
 */
export async function auditReleases(
  repository: Repository,
  question: AuditQuestion,
): Promise<Audit> {
  const { since, signal } = question;
  const [refs, main] = await Promise.all([
    listTags(
      repository,
      [layout.tagPrefix, ...(has.chart ? [layout.chartTagPrefix] : [])].map((each) => `${each}*`),
    ),
    attempt(() => readMainline(repository, question.main)),
  ]);
  const named = refs.flatMap((ref) => {
    const name = releaseTagOf(ref.name);
    return name === undefined ? [] : [{ name, ref }];
  });
  if (named.length === 0) {
    throw refusal("Cannot audit releases: found no release tag in this repository", {
      remedy: `Fetch the tags: git fetch --tags ${layout.remote} (in GitHub Actions, check out with fetch-depth: 0)`,
    });
  }
  await using objects = openObjects(repository);
  const tags = await eachOf(named, signal, async ({ name, ref }): Promise<Row> => {
    const { value, findings = [] } = await attempt(() => resolveTag(objects, ref));
    return { ...name, head: value && headOf(value, main.value), ...unreadable(findings) };
  });
  // In the order of time, because successive tags share most files, and those stay in the cache.
  const kept = (since === undefined ? tags : keepSince(tags, since)).toSorted(compareRows);
  const rows = await eachOf(kept, signal, async (row): Promise<Row> => {
    const { head } = row;
    const { value: content, findings = [] } = await attempt(async () =>
      head === undefined ? row : await judgeContent(commitTree(objects, head.commit), row, head),
    );
    const { faults, ...others } = content ?? unreadable(findings);
    return { ...row, ...others, faults: head ? inCommit(head.commit, faults) : faults };
  });
  const others = refs.map(({ name }) => name).filter((name) => releaseTagOf(name) === undefined);
  return { rows, others, main };
}

/** Returns the releases from a version on. A chart has its own versions: its date decides. */
function keepSince(rows: readonly Row[], since: Version): readonly Row[] {
  const releases = rows
    .filter(({ kind, version }) => kind === "release" && compareVersions(version, since) >= 0)
    .toSorted((one, other) => compareVersions(one.version, other.version));
  const [first] = releases;
  if (first?.version !== since) {
    throw refusal(
      `Cannot audit releases since ${layout.tagPrefix}${since}: found no such tag in this repository`,
      {
        remedy: `Name a release tag that exists locally${first === undefined ? `, or fetch it: git fetch --tags ${layout.remote}` : `; the next one is ${first.tag}`}`,
      },
    );
  }
  // If the date is unknown, all charts are kept.
  const from = first.head?.seconds ?? Number.NEGATIVE_INFINITY;
  const isLater = ({ kind, head }: Row) =>
    kind === "chart" && (head?.seconds ?? Number.POSITIVE_INFINITY) >= from;
  return [...releases, ...rows.filter(isLater)];
}

function headOf(tag: Tag, main: Mainline | undefined): Head {
  const { name, object, commit, seconds, dateOf, signature, bypasses } = tag;
  const isUnknown = main === undefined || main.isShallow;
  return {
    date: dayOf(new Date(seconds * 1000)),
    dateOf,
    seconds,
    commit,
    signature,
    onMain: main?.commits.has(commit) ? "yes" : isUnknown ? "unknown" : "no",
    calledItself: object !== undefined && object.tag !== name ? object.tag : undefined,
    bypasses,
  };
}

/** The number of tags that are judged at once: git reads one while another is judged. */
const atOnce = 4;

/** Runs `work` on all items, `atOnce` at a time, and returns the results in the order of the items. */
async function eachOf<Item, Result>(
  items: readonly Item[],
  signal: AbortSignal,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let from = 0; from < items.length; from += atOnce) {
    signal.throwIfAborted();
    results.push(...(await Promise.all(items.slice(from, from + atOnce).map(work))));
  }
  return results;
}

// The files of a tagged commit

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
  // What an install pulls is no reference, and nobody can change it any more.
  const values = `${layout.chart}/values.yaml`;
  const inFiles = read.faults.filter(({ at }) => at?.file !== values);
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
    attempt(async () =>
      isChart || isCandidate(version) || !has.labGate
        ? "not asked"
        : await findLab(tree, version, head),
    ),
  ]);
  const isDifferent = manifests.value?.some(({ level }) => level === "error");
  const parts = [manifests, { findings: inFiles }, lab, chart];
  return {
    manifests: manifests.findings ? "unreadable" : isDifferent ? "differ" : "agree",
    lab: lab.value ?? "unreadable",
    stale: inWorkspace.length + inFiles.length > 0 ? "unreadable" : staleIn(read, versions),
    chart: chart.value ?? "unreadable",
    faults: unique(parts.flatMap(({ findings = [] }) => findings)),
  };
}

/** Returns the versions that the references of a chart must state. */
function chartVersions(version: Version, chart: Content["chart"] | undefined): Versions {
  const { appVersion = "" } = typeof chart === "object" ? chart : {};
  return isVersion(appVersion) ? { chart: version, appVersion } : { chart: version };
}

/** Returns faults, each message once: several questions may find the same fault. */
function unique(faults: readonly Finding[]): Finding[] {
  return [...new Map(faults.map((each) => [each.message, each])).values()];
}

function staleIn({ references }: References, versions: Versions): StaleReference[] {
  return references.flatMap((each) => {
    const version = versions[each.row.follows];
    if (version === undefined || !isStale(each, versions)) {
      return [];
    }
    const { row, file, what, written: found } = each;
    return [{ row: row.name, file, what, found, expected: each.becomes(version) }];
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
    pass: found && { date: found.entry.date, ageDays: found.ageDays, labCommit: found.entry.sha },
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

// The main branch

/** The commits of the main branch, and of the branches that the layout lists beside it. */
interface Mainline {
  /** The name by which it was found. */
  readonly shown: string;
  readonly commit: ObjectId;
  readonly commits: ReadonlySet<ObjectId>;
  /** Whether the clone is shallow: `commits` is then incomplete. */
  readonly isShallow: boolean;
}

/** Returns the commits of the other branches that releases are made from, here and as last fetched. */
async function listBranches(repository: Repository): Promise<readonly ObjectId[]> {
  if (layout.releaseBranches.length === 0) {
    return [];
  }
  const answers = await Promise.all(
    [`refs/heads/`, `refs/remotes/${layout.remote}/`].map(async (folder) => {
      const list = ["for-each-ref", "--format=%(objectname) %(refname)", folder];
      const lines = (await gitOutput(repository, "list the branches", list)).trim().split("\n");
      return lines.map((line) => line.split(` ${folder}`));
    }),
  );
  return answers
    .flat()
    .flatMap(([id, name]) =>
      id !== undefined && name !== undefined && baseBranch(name) === name ? [id] : [],
    );
}

/**
 * Returns the commits on the local main branch, or on the last fetched one of the remote if that is
 * ahead or the only one.
 *
 * @param name The commit to use instead.
 * @throws {Refusal} If there is no such branch or commit, or git fails.
 */
async function readMainline(repository: Repository, name?: string): Promise<Mainline> {
  const { mainBranch, remote } = layout;
  const candidates: readonly (readonly [shown: string, revision: string])[] =
    name === undefined
      ? [
          [mainBranch, `refs/heads/${mainBranch}`],
          [`${remote}/${mainBranch}`, `refs/remotes/${remote}/${mainBranch}`],
        ]
      : [[name, name]];
  const found = await Promise.all(
    candidates.map(async ([shown, revision]) => {
      const commit = await findCommit(repository, revision);
      return commit === undefined ? [] : [{ shown, commit }];
    }),
  );
  const [first, second] = found.flat();
  if (first === undefined) {
    const looked = candidates.map(([shown]) => JSON.stringify(shown)).join(" nor ");
    throw refusal(`Cannot find the main branch: found no ${looked} in this repository`, {
      remedy: "Name the commit to use as the main branch with --ref COMMIT",
    });
  }
  const isBehind =
    second && (await relationTo(repository, first.commit, second.commit)).kind === "behind";
  const { shown, commit } = isBehind ? second : first;
  const purpose = `list the commits on ${shown}`;
  const [shallow, listed] = await Promise.all([
    gitOutput(repository, purpose, ["rev-parse", "--is-shallow-repository"]),
    gitOutput(repository, purpose, ["rev-list", commit, ...(await listBranches(repository)), "--"]),
  ]);
  const commits = new Set(listed.split("\n"));
  if (!commits.has(commit)) {
    throw refusal(`Cannot ${purpose}: git rev-list does not list ${commit} itself`, {
      remedy: "Check the repository: git fsck",
    });
  }
  return { shown, commit, commits, isShallow: shallow.trim() !== "false" };
}
