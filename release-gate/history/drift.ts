/** Checks for drift: commits that changed the product after a row of the ledger was committed. */

import { labCommand } from "../../scripts/lib/files/ledger.ts";
import { type Finding, notice, refusal, warning } from "../../scripts/lib/finding.ts";
import {
  gitOutput,
  isObjectId,
  type ObjectId,
  rerun,
  short,
  unanswered,
} from "../../scripts/lib/git/git.ts";
import { type Repository, runGit } from "../../scripts/lib/git/repository.ts";
import { layout } from "../../scripts/lib/layout.ts";
import { lastWords } from "../../scripts/lib/process.ts";

/** The row from which drift is counted. */
export interface DriftQuestion {
  /** The version of the row, with its tag prefix. */
  readonly tag: string;
  /** Path of the ledger, relative to the top level. */
  readonly ledger: string;
  /** The row's line, from 1. */
  readonly line: number;
  /** The commit to judge; undefined for the ledger of the work tree and HEAD. */
  readonly commit: ObjectId | undefined;
}

/** The most commits since a validation that are shown. */
const shownCommits = 5;

/**
 * Returns a warning with the commits that changed `layout.validatedPaths` since a row of the ledger was
 * committed, or with the reason why they cannot be listed; a notice if there are none. The versions that
 * a bump moves do not count, nor does a change that was reverted.
 *
 * @throws {Refusal} If git fails.
 */
export async function checkDrift(
  repository: Repository,
  question: DriftQuestion,
): Promise<Finding[]> {
  const { tag, ledger, line, commit } = question;
  const at = { file: ledger, line };
  const unknown = (why: string, remedy: string) => [
    warning(`Cannot count the commits since the validation: ${why}`, { remedy, at }),
  ];
  const commitIt = "Commit the ledger: a release reads it from the commit, not from the work tree";
  const [state, origin] = await Promise.all([
    runGit(repository, ["rev-parse", "--is-shallow-repository", commit ?? "HEAD"]),
    runGit(repository, blame(question)),
  ]);
  if (origin.code !== 0 || origin.timedOut) {
    const isUntracked = /^fatal: no such (?:path .* in |ref: HEAD$)/m.test(origin.stderr);
    const remedy = isUntracked ? commitIt : rerun(origin.command.slice(1));
    return unknown(`git blame: ${lastWords(origin)}`, remedy);
  }
  const since = originOf(origin.stdout, line);
  if (since === undefined) {
    throw unanswered(`find the commit of line ${line} of ${ledger}`, origin);
  }
  if (/^0+$/.test(since)) {
    return unknown(`line ${line} is not committed yet`, commitIt);
  }
  const [shallow, judged = ""] = state.stdout.split("\n");
  if (shallow === "true") {
    const remedy = "Fetch the whole history: git fetch --unshallow, or fetch-depth: 0 in CI";
    return unknown("the clone is shallow, so its history is incomplete", remedy);
  }
  if (shallow !== "false" || !isObjectId(judged)) {
    throw unanswered("find the commit that is judged", state);
  }
  const touching = await changesSince(repository, since, judged);
  const recorded = `since the PASS was committed in ${short(since)}`;
  const touched = `${recorded} touched ${listed("or")}`;
  if (touching.length === 0) {
    return [notice(`no commit ${touched}`, { at })];
  }
  const changed = await findValidatedChanges(repository, [since, judged]);
  if (changed.size === 0) {
    return [notice(`nothing but versions changed ${recorded} in ${listed("and")}`, { at })];
  }
  // A quoted name has control characters: it is not in its plain form, so it counts as changed.
  const isChanged = (file: string) => file.startsWith('"') || changed.has(file);
  const changes: string[] = [];
  for (const { id, parents, subject, files } of touching) {
    // A bump touches such files alone, and a merge has more than one difference.
    const mayBeBump = parents.length === 1 && files.every((file) => /\bCargo\.\w+$/.test(file));
    const [parent = id] = parents;
    const isBump = mayBeBump && (await findValidatedChanges(repository, [parent, id])).size === 0;
    if (files.some(isChanged) && !isBump) {
      changes.push(`${short(id)} ${subject}`);
    }
  }
  const count = changes.length === 1 ? "1 commit" : `${changes.length} commits`;
  const which = changes.length > shownCommits ? `, the first ${shownCommits} of them` : "";
  return [
    warning(`${count} ${touched}${which}:\n${changes.slice(0, shownCommits).join("\n")}`, {
      remedy: `Make sure the lab saw these changes; if not, rerun it: ${labCommand(tag, ledger)}, then commit its row`,
      at,
    }),
  ];
}

/**
 * Returns the files of `layout.validatedPaths` that differ between two commits in more than versions.
 *
 * @throws {Refusal} If git fails.
 */
export async function findValidatedChanges(
  repository: Repository,
  commits: readonly [before: ObjectId, after: ObjectId],
): Promise<ReadonlySet<string>> {
  const { findChangedFiles } = await import("./changed-files.ts");
  return await findChangedFiles(repository, commits, isValidated);
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

/** A commit that touched validated files. */
interface Touching {
  readonly id: ObjectId;
  readonly parents: readonly ObjectId[];
  readonly subject: string;
  /** The validated files, as git prints their names. */
  readonly files: readonly string[];
}

/**
 * Returns the commits after one that touched the validated paths, oldest first. A merge counts if it has a version of a file that no parent has.
 */
async function changesSince(
  repository: Repository,
  since: ObjectId,
  judged: ObjectId,
): Promise<Touching[]> {
  if (since === judged) {
    return [];
  }
  // The options override the operator's configuration; a merge is compared with all parents.
  const config = ["-c", "diff.orderFile=/dev/null", "-c", "core.quotePath=false"];
  const plain = ["--no-renames", "--no-relative", "--no-show-signature", "--no-color"];
  const show = ["-c", "--root", "--name-only", "--ignore-submodules=none", "--encoding=UTF-8"];
  const order = ["--reverse", "--topo-order", "--format=%x00%H%x00%P%x00%s"];
  // The list must include both ends of the range: this shows that it is complete.
  const range = [judged, "--not", `${since}^@`];
  const list = [...config, "log", ...plain, ...show, ...order, ...range];
  const [, ...fields] = (await gitOutput(repository, purpose, list)).split("\0");
  const commits = Array.from({ length: fields.length / 3 }, (_, index) => {
    const [id = "", parents = "", text = ""] = fields.slice(3 * index);
    const [subject = "", ...files] = text.split("\n");
    return { id, parents: parents.split(" "), subject, files: files.filter(isValidated) };
  });
  if (commits.at(-1)?.id !== judged || commits.every(({ id }) => id !== since)) {
    throw refusal(`Cannot ${purpose}: git log gave an incomplete answer`, {
      remedy: "Check the repository: git fsck",
    });
  }
  return commits.filter(({ id, files }) => id !== since && files.length > 0);
}

/** Returns the validated paths as a list in words. */
function listed(conjunction: "and" | "or"): string {
  return layout.validatedPaths.join(", ").replace(/, ([^,]*)$/, ` ${conjunction} $1`);
}

/** Reports whether a file name in git's output is in a validated path. */
function isValidated(name: string): boolean {
  // Git quotes a name with control characters.
  const file = name.replace(/^"/, "");
  return layout.validatedPaths.some((path) =>
    path.endsWith("/") ? file.startsWith(path) : file === path,
  );
}
