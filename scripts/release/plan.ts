/** The vocabulary of a release: what it knows, what it is told, and what it is about to do. */

import type { Finding } from "../lib/finding.ts";
import type { Checkout } from "../lib/git/checkout.ts";
import type { ObjectId, Repository } from "../lib/git/git.ts";
import type { Objects } from "../lib/git/objects.ts";
import type { Relation, Remote, RemoteRefs } from "../lib/git/remote.ts";
import type { SignedTag } from "../lib/git/tag.ts";
import type { Tree } from "../lib/tree.ts";
import type { Version } from "../lib/version.ts";
import type { Gate, GateResult } from "./gate.ts";
import type { LocalTag } from "./local-tag.ts";

/** What is about to be released: one commit, resolved once, and all that the gates may ask. */
export interface Candidate {
  readonly repository: Repository;
  readonly objects: Objects;
  readonly version: Version;
  /** Short name of the tag. */
  readonly tag: string;
  /** The commit that is examined, tagged and pushed. */
  readonly commit: ObjectId;
  /** The commit's files, read from git's objects. */
  readonly tree: Tree;
  /** The remote's refs; undefined if it could not be asked. */
  readonly refs: RemoteRefs | undefined;
  /** Where the commit is that of a tag which an interrupted run left: the ways on if it is refused. */
  readonly waysOn?: string | undefined;
}

/** A gate that time alone may open, if the operator chose to wait for it. */
export interface Patience {
  readonly gate: Gate<Candidate>;
  /**
   * Waits; changes nothing.
   *
   * @param refusal What the gate says as things are.
   * @returns Undefined if the gate is worth another question; else why not, in the gate's place.
   */
  wait(candidate: Candidate, refusal: readonly Finding[]): Promise<readonly Finding[] | undefined>;
}

/** In what the two release commands differ. */
export interface Procedure {
  /** Path of the script, for the commands that remedies name. */
  readonly script: string;
  readonly tagPrefix: string;
  /** Whether main is pushed with the tag; if not, HEAD must be on the remote already. */
  readonly pushesMain: boolean;
  readonly gates: readonly Gate<Candidate>[];
  /** What to wait for once nothing else stands against the release. */
  readonly patience?: Patience | undefined;
  /** Lines of evidence for the tag's message, asked once every gate has passed. */
  evidence(candidate: Candidate, results: readonly GateResult[]): Promise<readonly string[]>;
  /** Findings that warn and refuse nothing. */
  cautions(candidate: Candidate): Promise<readonly Finding[]>;
  /** What the operator does after the push. */
  nextSteps(candidate: Candidate): Promise<readonly string[]>;
}

export interface ReleaseOptions {
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly resume: boolean;
  readonly atomic: boolean;
}

/** What was found out before the gates; a question without an answer is missing. */
export interface Facts {
  readonly tag: string;
  readonly version: Version;
  readonly commit: ObjectId;
  readonly checkout: Checkout;
  readonly localTag: LocalTag;
  readonly remote: Remote | undefined;
  readonly refs: RemoteRefs | undefined;
  /** How `commit` stands to the remote's main branch. */
  readonly relation: Relation | undefined;
  /** Whether the release goes on from a tag that an earlier run left. */
  readonly resuming: boolean;
  readonly interactive: boolean;
}

/** A release that is on the remote, as the data of the report say it. */
export interface Released {
  readonly tag: string;
  readonly commit: ObjectId;
  readonly outcome: "published" | "complete";
}

/** A release that passed everything and only waits for a word. */
export interface Plan {
  readonly candidate: Candidate;
  readonly remote: Remote;
  readonly refs: RemoteRefs;
  readonly relation: Relation;
  readonly signed: SignedTag;
  /** Whether the tag is in the repository already. */
  readonly installed: boolean;
  readonly bypasses: readonly string[];
}

/** What the tag's message records of a gate that an option bypasses, by that option. */
export const bypassRecords = {
  "--skip-lab": "lab validation gate (--skip-lab)",
  "--skip-image-check": "image gate (--skip-image-check)",
} as const;

/**
 * Returns the command that finishes an interrupted release. It has to repeat the bypasses, which the
 * tag's message records; whatever else a message says becomes no part of a command.
 */
export function resumeCommand(script: string, tag: string, message: string): string {
  const lines = message.split("\n");
  const options = Object.entries(bypassRecords).flatMap(([option, record]) =>
    lines.includes(`Bypassed: ${record}`) ? [option] : [],
  );
  return ["bun", script, tag, "--resume", ...options].join(" ");
}
