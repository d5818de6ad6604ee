/** The workflow run that a tag started: its conclusion, the job that failed first, and the way out. */

import type { GhWorld } from "../world/gh.ts";
import type { Answer } from "./answer.ts";

/** What started a run, and which one is meant. */
export interface RunQuestion {
  readonly tag: string;
  /** Path of the workflow file, as in the layout. */
  readonly workflow: string;
  /** The commit that the tag names, in full, where that is known. */
  readonly commit?: string | undefined;
}

/**
 * Asks what became of the workflow run that the push of a tag started. Its latest attempt counts.
 * `verified` is a run that ended in success, `failed` one that ended otherwise.
 */
export async function askWorkflowRun({ workflow }: RunQuestion, _gh: GhWorld): Promise<Answer> {
  return { question: `run of ${workflow}`, state: "unknown", evidence: "not asked" };
}
