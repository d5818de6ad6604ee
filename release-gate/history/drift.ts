/** Finds drift: the commits that changed the product after a ledger row was committed. */

import { refusal } from "../../scripts/lib/finding.ts";
import {
  gitOutput,
  isObjectId,
  type ObjectId,
  rerun,
  unanswered,
} from "../../scripts/lib/git/git.ts";
import { type Repository, runGit } from "../../scripts/lib/git/repository.ts";
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
    runGit(repository, ["rev-parse", "--is-shallow-repository", question.commit ?? "HEAD"]),
    runGit(repository, blame(question)),
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

/** Returns what a failed `git blame` means. */
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
 * Returns the question for one line, whatever the operator's blame configuration ignores or converts: the `--no-`
 * form alone forgets a configured list of revisions before git opens it. A row whose line ending
 * alone was changed (-w) is as old as it was.
 */
function blame({ ledger, line, commit }: DriftQuestion): string[] {
  const what = commit === undefined ? [] : [commit];
  const plain = ["-w", "--no-ignore-revs-file", "--no-textconv", "--no-progress"];
  return ["blame", "--porcelain", ...plain, "-L", `${line},${line}`, ...what, "--", ledger];
}

/** Returns the commit in the first line of `git blame --porcelain`: commit, line there, line here, count. */
function originOf(porcelain: string, line: number): ObjectId | undefined {
  const [commit, , here] = porcelain.slice(0, porcelain.indexOf("\n")).split(" ");
  return commit !== undefined && isObjectId(commit) && here === String(line) ? commit : undefined;
}

const purpose = "list the commits since the validation";

async function changesSince(
  repository: Repository,
  since: ObjectId,
  judged: ObjectId,
): Promise<Change[]> {
  if (since === judged) {
    return [];
  }
  // Whatever the operator's configuration could change is said; a merge is compared with all parents.
  const config = ["-c", "diff.orderFile=/dev/null", "-c", "core.quotePath=false"];
  const plain = ["--no-renames", "--no-relative", "--no-show-signature", "--no-color"];
  const show = ["-c", "--root", "--name-only", "--ignore-submodules=none", "--encoding=UTF-8"];
  const order = ["--reverse", "--topo-order", "--format=%x00%H%x00%s"];
  // The first commit is asked for too: a list without its two ends is no answer.
  const range = [judged, "--not", `${since}^@`];
  const list = [...config, "log", ...plain, ...show, ...order, ...range];
  const [, ...fields] = (await gitOutput(repository, purpose, list)).split("\0");
  const commits = Array.from({ length: fields.length / 2 }, (_, index) => {
    const [subject = "", ...files] = (fields[2 * index + 1] ?? "").split("\n");
    return { id: fields[2 * index] ?? "", subject, files };
  });
  if (commits.at(-1)?.id !== judged || commits.every(({ id }) => id !== since)) {
    throw refusal(`Cannot ${purpose}: git log gave an incomplete answer`, {
      remedy: "Check the repository: git fsck",
    });
  }
  return commits
    .filter(({ id, files }) => id !== since && files.some(isValidated))
    .map(({ id, subject }) => ({ id, subject }));
}

/** Reports whether git's name of a file is among the validated paths. */
function isValidated(name: string): boolean {
  // Git quotes a name with control characters.
  const file = name.replace(/^"/, "");
  return layout.validatedPaths.some((path) =>
    path.endsWith("/") ? file.startsWith(path) : file === path,
  );
}
