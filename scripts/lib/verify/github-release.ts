/** The GitHub release of a tag: whether it is published, and its assets against their checksums. */

import type { Downloads } from "../world/downloads.ts";
import type { GhWorld } from "../world/gh.ts";
import type { Answer, State } from "./answer.ts";
import type { Subject } from "./attestations.ts";

/** The answers about a release, always to the same questions in the same order. */
export interface GithubReleaseAnswers {
  readonly answers: readonly Answer[];
  /** The binaries that attestations are about: those that could be fetched, and why not the others. */
  readonly binaries: readonly Subject[];
}

/** What a question about a release needs beside gh. */
export interface ReleaseContext {
  /** Takes the assets; what is there from an earlier question is not fetched again. */
  readonly downloads: Downloads;
  /** What became of the tag's workflow run: once it has ended, nothing more will come. */
  readonly run?: State | undefined;
}

/** Asks for the release of a tag, and of an application's release for all assets that it must have. */
export async function askGithubRelease(
  tag: string,
  _kind: "application" | "chart",
  _gh: GhWorld,
  _context: ReleaseContext,
): Promise<GithubReleaseAnswers> {
  const answer: Answer = {
    question: `GitHub release ${tag}`,
    state: "unknown",
    evidence: "not asked",
  };
  return { answers: [answer], binaries: [] };
}
