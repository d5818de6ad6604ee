/** Drift since a validation: the commits that changed the product after a ledger row was committed. */

import { refusal } from "../../scripts/lib/finding.ts";
import {
  ask,
  isObjectId,
  type ObjectId,
  type Repository,
  rerun,
  text,
  unanswered,
} from "../../scripts/lib/git/git.ts";
import { layout } from "../../scripts/lib/layout.ts";
import { type Finished, lastWords } from "../../scripts/lib/process.ts";

/** The row that drift is counted from. */
export interface DriftQuestion {
  /** Path of the ledger, relative to the top level. */
  readonly ledger: string;
  /** The row's line in that ledger, from 1. */
  readonly line: number;
  /** The commit that is judged; undefined for the work tree's ledger and HEAD. */
  readonly commit: ObjectId | undefined;
}

/** A commit, for people. */
export interface Change {
  readonly id: ObjectId;
  readonly subject: string;
}

export type Drift =
  | {
      readonly kind: "known";
      /** The commit that brought the row. */
      readonly since: ObjectId;
      /**
       * The commits after it that touched `layout.validatedPaths`, oldest first. A merge counts if
       * it made a file that none of its parents has.
       */
      readonly commits: readonly Change[];
    }
  | { readonly kind: "unknown"; readonly why: string; readonly remedy: string };

/**
 * Finds the commits since a row of the ledger was committed that touched the validated paths.
 *
 * @throws {Refusal} If git fails where it should have an answer.
 */
export async function findDrift(repository: Repository, question: DriftQuestion): Promise<Drift> {
  const [state, origin] = await Promise.all([
    ask(repository, ["rev-parse", "--is-shallow-repository", question.commit ?? "HEAD"]),
    ask(repository, blame(question)),
  ]);
  if (origin.code !== 0 || origin.timedOut) {
    return noOrigin(origin);
  }
  const since = originOf(origin.stdout, question.line);
  if (since === undefined) {
    throw unanswered(`find the commit of line ${question.line} of ${question.ledger}`, origin);
  }
  if (/^0+$/.test(since)) {
    return notCommitted(`line ${question.line} is not committed yet`);
  }
  const [shallow, judged] = state.stdout.split("\n");
  if (shallow === "true") {
    return {
      kind: "unknown",
      why: "the clone is shallow, its history is cut short",
      remedy: "Fetch the whole history: git fetch --unshallow, or fetch-depth: 0 in CI",
    };
  }
  if (shallow !== "false" || judged === undefined || !isObjectId(judged)) {
    throw unanswered("find the commit that is judged", state);
  }
  return { kind: "known", since, commits: await changesSince(repository, since, judged) };
}

/** What a failed `git blame` means. */
function noOrigin(answer: Finished): Drift {
  const why = `git blame: ${lastWords(answer)}`;
  return !answer.timedOut && /^fatal: no such (?:path .* in |ref: HEAD$)/m.test(answer.stderr)
    ? notCommitted(why)
    : { kind: "unknown", why, remedy: rerun(answer.command.slice(1)) };
}

function notCommitted(why: string): Drift {
  const remedy = "Commit the ledger: a release reads it from the commit, not from the work tree";
  return { kind: "unknown", why, remedy };
}

/**
 * Asks for one line, whatever the operator's blame configuration ignores or converts: the `--no-`
 * form alone forgets a configured list of revisions before git opens it. A row whose line ending
 * alone was changed (-w) is as old as it was.
 */
function blame({ ledger, line, commit }: DriftQuestion): string[] {
  const what = commit === undefined ? [] : [commit];
  const plain = ["-w", "--no-ignore-revs-file", "--no-textconv", "--no-progress"];
  return ["blame", "--porcelain", ...plain, "-L", `${line},${line}`, ...what, "--", ledger];
}

/** The commit in the first line of `git blame --porcelain`: commit, line there, line here, count. */
function originOf(porcelain: string, line: number): ObjectId | undefined {
  const [commit, , here] = porcelain.slice(0, porcelain.indexOf("\n")).split(" ");
  return commit !== undefined && isObjectId(commit) && here === String(line) ? commit : undefined;
}

async function changesSince(
  repository: Repository,
  since: ObjectId,
  judged: ObjectId,
): Promise<Change[]> {
  if (since === judged) {
    return [];
  }
  // The first commit is asked for too: a list without it is no answer.
  const list = ["rev-list", "--reverse", "--topo-order", judged, "--not", `${since}^@`];
  const listed = await text(repository, "list the commits since the validation", list);
  const commits = listed.split("\n").filter((each) => each !== "");
  if (!commits.includes(since)) {
    throw silent("list the commits since the validation", list);
  }
  const later = commits.filter((commit) => commit !== since);
  const described = later.length === 0 ? [] : await describe(repository, later);
  return described.filter(({ touches }) => touches).map(({ id, subject }) => ({ id, subject }));
}

/** Says of each commit whether it touched the validated paths; every commit must be answered. */
async function describe(
  repository: Repository,
  commits: readonly ObjectId[],
): Promise<(Change & { readonly touches: boolean })[]> {
  const args = [
    "diff-tree",
    "--stdin",
    "--always",
    "--root",
    "-r",
    "-c",
    "--name-only",
    "--no-renames",
    "--ignore-submodules=none",
    "--encoding=UTF-8",
    "--format=%x00%H%x00%s",
    "--",
    ...layout.validatedPaths,
  ];
  const purpose = "tell which commits changed the product";
  const answer = await text(repository, purpose, args, { stdin: `${commits.join("\n")}\n` });
  const [, ...fields] = answer.split("\0");
  const described = Array.from({ length: fields.length / 2 }, (_, index) => {
    const [subject = "", ...files] = (fields[2 * index + 1] ?? "").split("\n");
    const id = fields[2 * index] ?? "";
    return { id, subject, touches: files.some((file) => file !== "") };
  });
  if (described.length !== commits.length || described.some(({ id }, at) => id !== commits[at])) {
    throw silent(purpose, args);
  }
  return described;
}

/** A refusal for a git command that succeeded without the answer it owes. */
function silent(purpose: string, args: readonly string[]) {
  return refusal(`Cannot ${purpose}: git ${args[0]} gave an incomplete answer`, {
    remedy: `Check the repository: git fsck`,
  });
}
