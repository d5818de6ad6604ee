/** What the status of a release is judged by: small facts, each of which a test can state. */

import type { Relation } from "../lib/git/remote.ts";
import type { Version } from "../lib/version.ts";

/** What a check said, on one line. */
export interface Outcome {
  /** `unanswered`: nobody could say, which is never a pass. */
  readonly verdict: "passed" | "refused" | "unanswered";
  readonly evidence: string;
  /** The way out, in words, of all verdicts but `passed`. */
  readonly remedy?: string;
}

/** How far a release has come: what stands for it is its tag, main, its branch, or nothing yet. */
export type Where = "nowhere" | "branch" | "main" | "tag";

/** How the tag of a release stands, here and on the remote. */
export type TagState =
  | { readonly kind: "free" }
  /** Only here, and no release made it. */
  | { readonly kind: "unfit"; readonly why: string }
  /** Signed here; the remote lacks the tag, or its commit on main. */
  | { readonly kind: "interrupted"; readonly command: string; readonly published: boolean }
  /** On the remote, not here. */
  | { readonly kind: "elsewhere" }
  /** The same here and there, but the remote's main is not here: nobody can tell what is on it. */
  | { readonly kind: "unfetched" }
  /** On the remote in another form than a release publishes it, or than it is here. */
  | { readonly kind: "taken"; readonly why: string }
  | { readonly kind: "complete"; readonly evidence: string }
  /** The tag here could not be judged. */
  | { readonly kind: "unknown"; readonly why: string; readonly remedy: string };

/** The remote's answer, compared with this repository. */
export interface RemoteFacts {
  /** How main here stands to main there; undefined if there is no main here. */
  readonly main: Relation["kind"] | undefined;
  /** How the release branch here stands to the one there, if it is there. */
  readonly branch: Relation["kind"] | "absent";
}

/** What the files say that are not committed yet. */
export interface WorkTreeFacts {
  readonly references: Outcome;
  /** Whether the changelog says what is new. */
  readonly words: boolean;
  /** A row of the ledger that is not committed: a PASS that the gate would take, or a FAIL. */
  readonly recorded: "PASS" | "FAIL" | undefined;
}

/** What a bump would do now. */
export interface BumpFacts {
  /** Whether the workspace states the version already. */
  readonly begun: boolean;
  /** How many files it would write. */
  readonly edits: number;
  /** What stands against it; undefined for nothing. */
  readonly refused: Outcome | undefined;
  /** The files that it would write and that are not as committed. */
  readonly unclean: readonly string[];
  /** Those of them that git does not track. */
  readonly untracked: readonly string[];
}

/** The release of the chart. */
export interface ChartFacts {
  readonly tag: string;
  readonly version: Version;
  /** The version of the product that it installs: as it was tagged, once its tag is complete. */
  readonly installs: string | undefined;
  /** The chart's version on main, if it is greater: a chart is released from main's tip alone. */
  readonly passedBy: Version | undefined;
  readonly state: TagState;
  /** What the gates of its files say, and its image; undefined before the application is out. */
  readonly gates: Outcome | undefined;
  readonly image: Outcome | undefined;
}

/** All that is known about a release. */
export interface StatusFacts {
  readonly version: Version;
  readonly where: Where;
  /** The branch that HEAD is on, by its short name; undefined if it is detached. */
  readonly head: string | undefined;
  /** Other work trees that have a branch checked out, by full name of the branch. */
  readonly elsewhere: ReadonlyMap<string, string>;
  /** Paths that differ from HEAD, untracked ones included. */
  readonly changes: readonly string[];
  /** Operations of git that were begun and not ended. */
  readonly underway: readonly string[];
  /** Whether the release branch is here. */
  readonly branchHere: boolean;
  /** Undefined if the remote gave no answer. */
  readonly remote: RemoteFacts | undefined;
  /** Why the version can be no release to come; undefined if it can. */
  readonly lower: Outcome | undefined;
  /** The version references of the commit that stands for the release. */
  readonly references: Outcome;
  /** Whether that commit's changelog says what is new. */
  readonly words: boolean;
  /** Undefined if HEAD is elsewhere, or the work tree is as committed. */
  readonly workTree: WorkTreeFacts | undefined;
  readonly bump: BumpFacts;
  /** Undefined if the product has no reference data. */
  readonly vintages: Outcome | undefined;
  /** The chart's versions; undefined if there is no chart. */
  readonly chart: Outcome | undefined;
  /** Whether the lab has validated the version at any time, by the commit's ledger. */
  readonly lab: Outcome & { readonly failed: boolean };
  /** What the gates of the release say about the commit. */
  readonly gate: Outcome;
  /** The sentence of a signed tag that says that the lab was bypassed. */
  readonly bypass: string | undefined;
  readonly tag: TagState;
  /** What else stands against tagging main as it is; only where the tag is free or interrupted. */
  readonly precheck: Outcome;
  /** Undefined if there is no chart. */
  readonly chartRelease: ChartFacts | undefined;
  /** Whether LEDGER leads the lab's record to another ledger. */
  readonly ledgerVariable: boolean;
}
