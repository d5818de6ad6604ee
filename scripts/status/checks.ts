/** The questions that the status of a release asks: the commands own the answers. */

import type { Day } from "../lib/calendar.ts";
import { attempt, type Finding } from "../lib/finding.ts";
import type { ObjectId, Repository } from "../lib/git/git.ts";
import type { Objects } from "../lib/git/objects.ts";
import type { Tree } from "../lib/tree.ts";
import type { Version } from "../lib/version.ts";
import type { Candidate } from "../release/plan.ts";
import type { BumpFacts, Outcome, StatusFacts, WorkTreeFacts } from "./facts.ts";
import { outcomeOf } from "./outcome.ts";

/** The commit that stands for a release, and the day on which it is judged. */
export interface Judged {
  readonly version: Version;
  readonly day: Day;
  readonly tree: Tree;
  readonly commit: ObjectId;
  /** Whether the commit is tagged, so that nothing of it can change any more. */
  readonly tagged: boolean;
}

/** What the commands know, each as one question that changes nothing. */
export interface Checks {
  references(tree: Tree, version: Version, tagged: boolean): Promise<Outcome>;
  /** Undefined if the product has no reference data. */
  vintages(judged: Judged): Promise<Outcome | undefined>;
  chart(repository: Repository, judged: Judged): Promise<Outcome>;
  /** @param isHere Whether the tree is the work tree, so that what is not committed counts. */
  bump(repository: Repository, judged: Judged, isHere: boolean): Promise<BumpFacts>;
  lab(judged: Judged): Promise<StatusFacts["lab"]>;
  gate(candidate: Candidate, day: Day): Promise<Outcome>;
  /**
   * The PASS of a tree's ledger that the gate would take, or else a FAIL that is its last word; nothing
   * if the tree has no more rows of the version than the committed one.
   */
  recorded(
    tree: Tree,
    committed: Tree,
    version: Version,
    day: Day,
  ): Promise<WorkTreeFacts["recorded"]>;
  chartGates(tree: Tree, chart: Version): Promise<Outcome>;
  image(repository: Repository, tree: Tree): Promise<Outcome>;
}

/** What the questions are asked in. */
export interface StatusWorld {
  readonly repository: Repository;
  readonly objects: Objects;
  readonly checks: Checks;
  readonly today: Day;
}

/** A check's outcome; a refusal to judge is one, too. */
export async function outcome<T extends Outcome | undefined>(
  question: () => Promise<T>,
): Promise<T | Outcome> {
  const { value, findings } = await attempt(question);
  return findings === undefined ? (value as T) : refusedBy(findings);
}

/** A fault in a file refuses; what is about no place is a question that stayed without an answer. */
export function refusedBy(findings: readonly Finding[]): Outcome {
  const answer = outcomeOf(findings);
  return findings.every(({ at }) => at === undefined)
    ? { ...answer, verdict: "unanswered" }
    : answer;
}
