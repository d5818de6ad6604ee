/** All tags of a repository, each judged by the files of its own commit, in the order of history. */

import { dayOf } from "../lib/calendar.ts";
import { isWhole } from "../lib/files/tag-object.ts";
import { type Attempt, attempt, refusal } from "../lib/finding.ts";
import type { Repository } from "../lib/git/git.ts";
import { inCommit } from "../lib/git/judged-tree.ts";
import { commitTree, type Objects } from "../lib/git/objects.ts";
import { layout } from "../lib/layout.ts";
import type { Tree } from "../lib/tree.ts";
import { compareVersions, type Version } from "../lib/version.ts";
import { openObjectMemory, type Recall } from "./object-memory.ts";
import {
  type Content,
  compareRows,
  type Head,
  type ReleaseTag,
  type Row,
  releaseTagOf,
  unreadable,
} from "./record.ts";
import { listTags, type Mainline, readMainline, readTagHead, type TagHead } from "./tags.ts";

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
  /** Judges the files of a tagged commit. */
  judge(tree: Tree, name: ReleaseTag, head: Head): Promise<Content>;
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
  question: AuditQuestion,
): Promise<Audit> {
  const { since, main: mainName, signal } = question;
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
    const row = await auditTag(objects, name, head, mainline.value, question);
    done += 1;
    question.onProgress?.(done, kept.length);
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
  question: AuditQuestion,
): Promise<Row> {
  if (value === undefined) {
    return { ...name, head: undefined, ...unreadable(findings) };
  }
  const head = headOf(name, value, main);
  const tree = commitTree(objects, head.commit);
  const content = await attempt(() => question.judge(tree, name, head));
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
      object === undefined ? "lightweight" : isWhole(object.signature) ? "signed" : "unsigned",
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
