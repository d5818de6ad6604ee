/** Finds drift: the commits that changed the product after a row of the ledger was committed. */

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

/** The row from which drift is counted. */
export interface DriftQuestion {
  /** Path of the ledger, relative to the top level. */
  readonly ledger: string;
  /** The row's line, from 1. */
  readonly line: number;
  /** The commit to judge; undefined for the ledger of the work tree and HEAD. */
  readonly commit: ObjectId | undefined;
}

/** A commit, for a message. */
export interface Change {
  readonly id: ObjectId;
  readonly subject: string;
}

export type Drift =
  | {
      readonly kind: "known";
      /** The commit that added the row. */
      readonly since: ObjectId;
      /**
       * The commits after it that changed `layout.validatedPaths`, oldest first. A merge counts if it
       * has a version of a file that no parent has.
       */
      readonly commits: readonly Change[];
    }
  | { readonly kind: "unknown"; readonly why: string; readonly remedy: string };

/**
 * Finds the commits that changed the validated paths after a row of the ledger was committed.
 *
 * @throws {Refusal} If git fails.
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
      why: "the clone is shallow, so its history is incomplete",
      remedy: "Fetch the whole history: git fetch --unshallow, or fetch-depth: 0 in CI",
    };
  }
  if (shallow !== "false" || judged === undefined || !isObjectId(judged)) {
    throw unanswered("find the commit that is judged", state);
  }
  return { kind: "known", since, commits: await changesSince(repository, since, judged) };
}

/** Returns the drift that a failed `git blame` leaves unknown, with the reason. */
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
 * Returns the arguments of `git blame` for one line. The options override the operator's configuration;
 * only the `--no-` form drops a configured list of revisions before git opens it. With -w a commit
 * that changed only the line ending does not count.
 */
function blame({ ledger, line, commit }: DriftQuestion): string[] {
  const what = commit === undefined ? [] : [commit];
  const plain = ["-w", "--no-ignore-revs-file", "--no-textconv", "--no-progress"];
  return ["blame", "--porcelain", ...plain, "-L", `${line},${line}`, ...what, "--", ledger];
}

/** Returns the commit in the first line of `git blame --porcelain`: commit, old line, new line, count. */
function originOf(porcelain: string, line: number): ObjectId | undefined {
  const [commit, , final] = porcelain.slice(0, porcelain.indexOf("\n")).split(" ");
  return commit !== undefined && isObjectId(commit) && final === String(line) ? commit : undefined;
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
  // The options override the operator's configuration; a merge is compared with all parents.
  const config = ["-c", "diff.orderFile=/dev/null", "-c", "core.quotePath=false"];
  const plain = ["--no-renames", "--no-relative", "--no-show-signature", "--no-color"];
  const show = ["-c", "--root", "--name-only", "--ignore-submodules=none", "--encoding=UTF-8"];
  const order = ["--reverse", "--topo-order", "--format=%x00%H%x00%s"];
  // The list must include both ends of the range: this shows that it is complete.
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

/** Reports whether a file name in git's output is in a validated path. */
function isValidated(name: string): boolean {
  // Git quotes a name with control characters.
  const file = name.replace(/^"/, "");
  return layout.validatedPaths.some((path) =>
    path.endsWith("/") ? file.startsWith(path) : file === path,
  );
}
