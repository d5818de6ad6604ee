/** Judges all tags of a repository, each by the files of its own commit. */

import { dayOf } from "../lib/calendar.ts";
import { type Attempt, attempt, refusal } from "../lib/finding.ts";
import { findCommit, gitOutput, type ObjectId } from "../lib/git/git.ts";
import { inCommit } from "../lib/git/judged-tree.ts";
import { commitTree, type Objects, openObjects } from "../lib/git/objects.ts";
import type { Repository } from "../lib/git/repository.ts";
import { listTags, resolveTag, type Tag } from "../lib/git/tags.ts";
import { layout } from "../lib/layout.ts";
import type { Tree } from "../lib/tree.ts";
import { compareVersions, type Version } from "../lib/version.ts";
import {
  type Content,
  compareRows,
  type Head,
  type ReleaseTag,
  type Row,
  releaseTagOf,
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
export interface AuditQuestion {
  /** Audit tags of that version or later, and charts that were tagged since then. */
  readonly since?: Version | undefined;
  /** The commit to use as the main branch. */
  readonly main?: string | undefined;
  readonly signal: AbortSignal;
  /** Judges the files of a tagged commit. */
  judge(tree: Tree, name: ReleaseTag, head: Head): Promise<Content>;
  onProgress?(done: number, total: number): void;
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
  const { since, signal, onProgress } = question;
  const [refs, main] = await Promise.all([
    listTags(repository, [`${layout.tagPrefix}*`, `${layout.chartTagPrefix}*`]),
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
  let done = 0;
  const rows = await eachOf(kept, signal, async (row): Promise<Row> => {
    const judged = row.head === undefined ? row : await judgeTag(objects, row, row.head, question);
    done += 1;
    onProgress?.(done, kept.length);
    return judged;
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

async function judgeTag(
  objects: Objects,
  row: Row,
  head: Head,
  question: AuditQuestion,
): Promise<Row> {
  const tree = commitTree(objects, head.commit);
  const { value, findings = [] } = await attempt(() => question.judge(tree, row, head));
  const { faults, ...content } = value ?? unreadable(findings);
  return { ...row, ...content, faults: inCommit(head.commit, faults) };
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

// The main branch

/** The commits of the main branch. */
export interface Mainline {
  /** The name by which it was found. */
  readonly shown: string;
  readonly commit: ObjectId;
  readonly commits: ReadonlySet<ObjectId>;
  /** Whether the clone is shallow: `commits` is then incomplete. */
  readonly isShallow: boolean;
}

/**
 * Returns the commits on the local main branch, or on the last fetched one of the remote if that is
 * ahead or the only one.
 *
 * @param name The commit to use instead.
 * @throws {Refusal} If there is no such branch or commit, or git fails.
 */
export async function readMainline(repository: Repository, name?: string): Promise<Mainline> {
  const { mainBranch, remote } = layout;
  const names =
    name === undefined
      ? [
          { shown: mainBranch, revision: `refs/heads/${mainBranch}` },
          { shown: `${remote}/${mainBranch}`, revision: `refs/remotes/${remote}/${mainBranch}` },
        ]
      : [{ shown: name, revision: name }];
  const [shallow, ...found] = await Promise.all([
    gitOutput(repository, "list the commits on the main branch", [
      "rev-parse",
      "--is-shallow-repository",
    ]),
    ...names.map(async ({ shown, revision }) => {
      const commit = await findCommit(repository, revision);
      return commit === undefined
        ? undefined
        : { shown, commit, commits: await listCommits(repository, shown, commit) };
    }),
  ]);
  const [first, second] = found.filter((each) => each !== undefined);
  if (first === undefined) {
    const looked = names.map(({ shown }) => JSON.stringify(shown)).join(" nor ");
    throw refusal(`Cannot find the main branch: found no ${looked} in this repository`, {
      remedy: "Name the commit to use as the main branch with --ref COMMIT",
    });
  }
  const isShallow = shallow.trim() !== "false";
  return second?.commits.has(first.commit) && second.commit !== first.commit
    ? { ...second, isShallow }
    : { ...first, isShallow };
}

async function listCommits(
  repository: Repository,
  shown: string,
  commit: ObjectId,
): Promise<ReadonlySet<ObjectId>> {
  const purpose = `list the commits on ${shown}`;
  const output = await gitOutput(repository, purpose, ["rev-list", commit, "--"]);
  const commits = new Set(output.split("\n"));
  if (!commits.has(commit)) {
    throw refusal(`Cannot ${purpose}: git rev-list does not list ${commit} itself`, {
      remedy: "Check the repository: git fsck",
    });
  }
  return commits;
}
