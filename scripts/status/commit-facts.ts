/** What the files of a release say: those of its commit, and those that are not committed yet. */

import { workTree } from "../lib/disk/work-tree.ts";
import { readChangelog, sectionsOf } from "../lib/files/changelog.ts";
import { isUnreleased } from "../lib/files/changelog-release.ts";
import { attempt } from "../lib/finding.ts";
import type { RemoteRefs } from "../lib/git/remote.ts";
import { layout } from "../lib/layout.ts";
import type { Tree } from "../lib/tree.ts";
import type { Version } from "../lib/version.ts";
import { hasChart } from "./chart-facts.ts";
import { type Judged, outcome, refusedBy, type StatusWorld } from "./checks.ts";
import type { Outcome, StatusFacts, WorkTreeFacts } from "./facts.ts";
import { tagOf } from "./next.ts";

export type CommitFacts = Pick<
  StatusFacts,
  "references" | "words" | "vintages" | "chart" | "lab" | "gate"
>;

/** Judges the commit that stands for a release. */
export async function judgeCommit(
  { repository, objects, checks }: StatusWorld,
  judged: Judged,
  refs: RemoteRefs | undefined,
): Promise<CommitFacts> {
  const { tree, version, commit, day, tagged } = judged;
  const tag = tagOf(judged);
  const candidate = { repository, objects, version, tag, commit, tree, refs };
  const [references, words, vintages, chart, lab, gate] = await Promise.all([
    outcome(() => checks.references(tree, version, tagged)),
    hasWords(tree, version),
    outcome(() => checks.vintages(judged)),
    outcome(async () =>
      (await hasChart(tree)) ? await checks.chart(repository, judged) : undefined,
    ),
    attempt(() => checks.lab(judged)),
    outcome(() => checks.gate(candidate, day)),
  ]);
  return {
    references,
    words,
    vintages,
    chart,
    lab: lab.value ?? { ...refusedBy(lab.findings), failed: false },
    gate,
  };
}

/** What there is to say of a commit that is not here. */
export function notHere(version: Version): CommitFacts {
  const evidence = `${tagOf({ version })} is on ${layout.remote}, not here`;
  const outcome: Outcome = { verdict: "unanswered", evidence };
  return {
    references: outcome,
    words: true,
    vintages: outcome,
    chart: outcome,
    lab: { ...outcome, failed: false },
    gate: outcome,
  };
}

/**
 * Judges what is not committed.
 *
 * @param changes Paths that differ from HEAD.
 */
export async function judgeWorkTree(
  { repository, checks, today }: StatusWorld,
  { version, tree: committed }: Judged,
  changes: readonly string[],
): Promise<WorkTreeFacts> {
  const tree = workTree(repository.root);
  const [references, words, recorded] = await Promise.all([
    outcome(() => checks.references(tree, version, false)),
    hasWords(tree, version),
    changes.includes(layout.ledger)
      ? attempt(() => checks.recorded(tree, committed, version, today))
      : { value: undefined },
  ]);
  return { references, words, recorded: recorded.value };
}

/** Whether the changelog says what is new: below the version, or else below what is unreleased. */
async function hasWords(tree: Tree, version: Version): Promise<boolean> {
  const { value } = await attempt(() => tree.read(layout.changelog));
  if (value === undefined) {
    // Without a changelog nothing can be missing in it; one that cannot be read is a bump's matter.
    return true;
  }
  const changelog = readChangelog(value);
  const ours = sectionsOf(changelog, version);
  const sections = ours.length > 0 ? ours : changelog.sections.filter(isUnreleased);
  return sections.some(({ hasContent }) => hasContent);
}
