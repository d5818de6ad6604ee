/** All tags of a repository, each judged by the files of its own commit, from the newest on. */

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

/** What an audit found. */
export interface Audit {
  /** From the newest to the oldest. */
  readonly rows: readonly Row[];
  /** Names that begin like a release tag, and do not go on as one. */
  readonly others: readonly string[];
  /** What stood for the main branch. */
  readonly main: Attempt<Mainline>;
}

/** What is to be audited. */
export interface AuditQuestion {
  /** Tags of that version or later; charts that were tagged no earlier than it. */
  readonly since?: Version | undefined;
  /** Another commit to stand for the main branch. */
  readonly main?: string | undefined;
  readonly signal: AbortSignal;
  /** Judges the files of a tagged commit. */
  judge(tree: Tree, name: ReleaseTag, head: Head): Promise<Content>;
  onProgress?(done: number, total: number): void;
}

/**
 * Audits the tags of a repository.
 *
 * @throws {Refusal} If the tags cannot be listed, there is none, or there is no tag `since`.
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
  // Neighbours in time share most of their files, which are kept for a while.
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

/** Keeps releases by version. A chart has versions of its own: it counts from that release on. */
function keepSince(rows: readonly Row[], since: Version): readonly Row[] {
  const releases = rows
    .filter(({ kind, version }) => kind === "release" && compareVersions(version, since) >= 0)
    .toSorted((one, other) => compareVersions(one.version, other.version));
  const [first] = releases;
  if (first?.version !== since) {
    throw refusal(
      `Cannot audit releases since ${layout.tagPrefix}${since}: found no such tag in this repository`,
      {
        remedy: `Name a release tag that is here${first === undefined ? `, or fetch it: git fetch --tags ${layout.remote}` : `; the next one is ${first.tag}`}`,
      },
    );
  }
  // Where the date is unknown, nothing is left out.
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

/** How many tags are worked on at once: git reads for one while another is judged. */
const atOnce = 4;

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

// The main branch

/** The commits that a branch leads to. */
export interface Mainline {
  /** The name that it was found under. */
  readonly shown: string;
  readonly commit: ObjectId;
  readonly commits: ReadonlySet<ObjectId>;
  /** Whether commits that are not among them may be so all the same: the clone is shallow. */
  readonly isShallow: boolean;
}

/**
 * Reads which commits are on the main branch: the checkout's, or the remote's as last fetched where
 * there is no other or the checkout's is behind it.
 *
 * @param name Another commit to stand for it.
 * @throws {Refusal} If there is neither, or git cannot tell.
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
      remedy: "Name a commit that stands for it with --ref COMMIT",
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
    throw refusal(`Cannot ${purpose}: git rev-list leaves out ${commit} itself`, {
      remedy: "Check the repository: git fsck",
    });
  }
  return commits;
}
