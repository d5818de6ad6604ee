/** Gathers the facts about a release, all questions at once; the checks are those of the commands. */

import { type Day, dayOf } from "../calendar.ts";
import { readChangelog, sectionsOf } from "../files/changelog.ts";
import { isUnreleased } from "../files/changelog-release.ts";
import { chartManifest, readChart } from "../files/chart.ts";
import { attempt, type Finding, warning } from "../finding.ts";
import { layout } from "../layout.ts";
import { findLocalTag } from "../release/local-tag.ts";
import type { Candidate, Facts } from "../release/plan.ts";
import type { Tree } from "../tree.ts";
import { compareVersions, type Version } from "../version.ts";
import { workTree } from "../world/files.ts";
import type { ObjectId, Repository } from "../world/git.ts";
import { commitTree, type Objects } from "../world/objects.ts";
import type { Environment } from "../world/process.ts";
import { relationTo } from "../world/remote.ts";
import type { BumpFacts, ChartFacts, Outcome, StatusFacts, WorkTreeFacts } from "./facts.ts";
import { chartScript, homeOf, releaseScript, tagOf } from "./next.ts";
import { outcomeOf } from "./outcome.ts";
import { readStanding, type Standing, statedVersion } from "./standing.ts";
import { precheckOutcome, tagStateOf } from "./tag-state.ts";

/** The day on which, and the commit in which, a release is judged. */
export interface Judged {
  readonly version: Version;
  readonly day: Day;
  readonly tree: Tree;
  readonly commit: ObjectId;
  /** Whether the commit is tagged, so that nothing of it can change any more. */
  readonly tagged: boolean;
}

/** What the commands know, each as one question. */
export interface Checks {
  references(tree: Tree, version: Version, tagged: boolean): Promise<Outcome>;
  /** Undefined if the product has no reference data. */
  vintages(judged: Judged): Promise<Outcome | undefined>;
  chart(repository: Repository, judged: Judged): Promise<Outcome>;
  /** @param isHere Whether the tree is the work tree, so that what is not committed counts. */
  bump(repository: Repository, judged: Judged, isHere: boolean): Promise<BumpFacts>;
  lab(judged: Judged): Promise<StatusFacts["lab"]>;
  gate(candidate: Candidate, day: Day): Promise<Outcome>;
  /** Whether the ledger of a tree has a PASS that the gate would take. */
  recorded(tree: Tree, version: Version, day: Day): Promise<boolean>;
  chartGates(tree: Tree, chart: Version): Promise<Outcome>;
  image(repository: Repository, tree: Tree): Promise<Outcome>;
}

interface World {
  readonly repository: Repository;
  readonly objects: Objects;
  readonly checks: Checks;
  readonly today: Day;
  readonly env: Environment;
}

/** The facts, and why some questions have no answer. */
export interface Gathered {
  readonly facts: StatusFacts;
  /** What stands for the release; undefined if it is not here. */
  readonly commit: ObjectId | undefined;
  readonly unanswered: readonly Finding[];
}

const applicationRules = {
  script: releaseScript,
  tagPrefix: layout.tagPrefix,
  pushesMain: true,
} as const;
const chartRules = {
  script: chartScript,
  tagPrefix: layout.chartTagPrefix,
  pushesMain: false,
} as const;

/**
 * Gathers all that is to be known about a release, and changes nothing.
 *
 * @throws {Refusal} If the repository itself gives no answer.
 */
export async function gather(world: World, version: Version): Promise<Gathered> {
  const { repository, objects, checks, today } = world;
  const standing = await readStanding(repository, objects, version);
  const { where, commit, checkout, localTag, refs } = standing;
  const head = checkout.branch?.replace(/^refs\/heads\//, "");
  const facts = await releaseFacts(repository, standing, version);
  const tag = tagStateOf(facts, applicationRules);
  const judged: Judged | undefined =
    commit === undefined
      ? undefined
      : {
          version,
          commit,
          tree: commitTree(objects, commit),
          tagged: where === "tag",
          day: (refs?.tags.has(`refs/tags/${tagOf({ version })}`) && taggingDay(standing)) || today,
        };
  const isHome =
    where !== "tag" && head !== undefined && head === homeOf({ where, version }) && judged;
  const [checked, workTreeFacts, bump, chartRelease] = await Promise.all([
    judged === undefined ? undefined : judgeCommit(world, judged, standing),
    isHome && checkout.changes.length > 0 ? judgeWorkTree(world, version) : undefined,
    judged === undefined || where === "tag"
      ? tagged
      : checks.bump(
          repository,
          isHome ? { ...judged, tree: workTree(repository.root) } : judged,
          Boolean(isHome),
        ),
    judged && where !== "nowhere"
      ? chartFacts(world, standing, judged, tag.kind === "complete")
      : undefined,
  ]);
  return {
    commit,
    unanswered: [...standing.unanswered, ...unansweredBy(chartRelease)],
    facts: {
      version,
      where,
      head,
      changes: checkout.changes,
      underway: checkout.underway,
      branchHere: standing.branch !== undefined,
      remote: standing.compared,
      lower: judged && where === "nowhere" ? await findLower(judged) : undefined,
      workTree: workTreeFacts,
      bump,
      bypass: localTag.kind === "signed" ? bypassIn(localTag.tag.message) : undefined,
      tag,
      precheck: precheckOutcome(facts, applicationRules),
      chartRelease,
      ledgerVariable: Boolean(world.env.LEDGER),
      ...(checked ?? notHere(version)),
    },
  };
}

/** Of a tagged commit nothing is bumped any more. */
const tagged: BumpFacts = { begun: true, edits: 0, refused: undefined, unclean: [] };

type Checked = Pick<StatusFacts, "references" | "words" | "vintages" | "chart" | "lab" | "gate">;

function notHere(version: Version): Checked {
  const outcome: Outcome = {
    verdict: "unanswered",
    evidence: `${tagOf({ version })} is on ${layout.remote}, not here`,
  };
  return {
    references: outcome,
    words: true,
    vintages: outcome,
    chart: outcome,
    lab: { ...outcome, failed: false },
    gate: outcome,
  };
}

/** The facts of the pre-checks, about what stands for the release. */
async function releaseFacts(
  repository: Repository,
  { commit, checkout, localTag, remote, refs }: Standing,
  version: Version,
): Promise<Facts> {
  const about = commit ?? checkout.head;
  return {
    tag: tagOf({ version }),
    version,
    commit: about,
    checkout,
    localTag,
    remote,
    refs,
    relation: refs && (await relationTo(repository, about, refs.main)),
    resuming: localTag.kind === "signed",
    interactive: true,
  };
}

async function judgeCommit(
  { repository, objects, checks }: World,
  judged: Judged,
  { refs, where }: Standing,
): Promise<Checked> {
  const { tree, version, commit, day } = judged;
  const candidate: Candidate = {
    repository,
    objects,
    version,
    tag: tagOf(judged),
    commit,
    tree,
    refs,
  };
  const [references, words, vintages, chart, lab, gate] = await Promise.all([
    outcome(() => checks.references(tree, version, where === "tag")),
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
    lab: lab.value ?? { ...outcomeOf(lab.findings ?? []), failed: false },
    gate,
  };
}

/** A check's outcome; a refusal to judge is one, too. */
async function outcome<T extends Outcome | undefined>(
  question: () => Promise<T>,
): Promise<T | Outcome> {
  const { value, findings } = await attempt(question);
  return findings === undefined ? (value as T) : outcomeOf(findings);
}

async function hasChart(tree: Tree): Promise<boolean> {
  return (await tree.list(chartManifest(layout.chart))).length > 0;
}

async function judgeWorkTree(
  { repository, checks, today }: World,
  version: Version,
): Promise<WorkTreeFacts> {
  const tree = workTree(repository.root);
  const [references, words, recorded] = await Promise.all([
    outcome(() => checks.references(tree, version, false)),
    hasWords(tree, version),
    attempt(() => checks.recorded(tree, version, today)),
  ]);
  return { references, words, recorded: recorded.value ?? false };
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

/** Before a release has begun: a version below the workspace's is none to come. */
async function findLower({ tree, version }: Judged): Promise<Outcome | undefined> {
  const stated = await statedVersion(tree);
  return stated === undefined || compareVersions(version, stated) > 0
    ? undefined
    : {
        verdict: "refused",
        evidence: `the workspace is at ${stated} already`,
        remedy: `Name a version greater than ${stated}`,
      };
}

// The chart

async function chartFacts(
  world: World,
  standing: Standing,
  judged: Judged,
  isOut: boolean,
): Promise<ChartFacts | undefined> {
  const { repository, checks } = world;
  const installing = await findChart(world, standing, judged);
  if (installing === undefined) {
    return undefined;
  }
  const { tree, version } = installing;
  const tag = `${layout.chartTagPrefix}${version}`;
  const localTag = await findLocalTag(repository, tag);
  const base = await releaseFacts(repository, { ...standing, localTag }, judged.version);
  const state = tagStateOf({ ...base, tag, version, localTag }, chartRules);
  const isAsked = isOut && state.kind !== "complete";
  const [gates, image] = await Promise.all([
    isAsked ? outcome(() => checks.chartGates(tree, version)) : undefined,
    isAsked ? outcome(() => checks.image(repository, tree)) : undefined,
  ]);
  return { tag, version, state, gates, image };
}

/**
 * The chart that installs the version: main's, if it has moved on and still installs it, because a
 * chart may be mended between the two releases; else the one beside the application.
 */
async function findChart(
  { objects }: World,
  { main, where }: Standing,
  { tree, version }: Judged,
): Promise<{ readonly tree: Tree; readonly version: Version } | undefined> {
  const later = where === "tag" && main !== undefined ? [commitTree(objects, main)] : [];
  const charts = await Promise.all(
    [...later, tree].map(async (each) => {
      if (!(await hasChart(each))) {
        return undefined;
      }
      const { value } = await attempt(() => readChart(each, layout.chart));
      return value && { tree: each, version: value.version.value, installs: value.appVersion };
    }),
  );
  const last = charts.at(-1);
  return charts.find((chart) => chart?.installs?.value === version) ?? last;
}

/** The registry's silence, as a finding. */
function unansweredBy(chart: ChartFacts | undefined): Finding[] {
  return chart?.image?.verdict === "unanswered"
    ? [warning(chart.image.evidence, { remedy: chart.image.remedy })]
    : [];
}

// The tag

/** The day on which the tag was made, as its tagger says. */
function taggingDay({ localTag }: Standing): Day | undefined {
  const tagger = localTag.kind === "signed" ? localTag.tag.tagger : undefined;
  const seconds = / (\d{1,12}) [+-]\d{4}$/.exec(tagger ?? "")?.[1];
  return seconds === undefined ? undefined : dayOf(new Date(Number(seconds) * 1000));
}

/** The line of a tag's message that says that the lab gate was bypassed. */
function bypassIn(message: string): string | undefined {
  return message.split("\n").find((line) => line.startsWith("Bypassed: lab "));
}
