/** Finds the places that still mention an earlier version, which no row of the references knows. */

import { detail, type Finding, notice } from "../finding.ts";
import { layout } from "../layout.ts";
import { compareVersions, isPrerelease, type Version } from "../version.ts";
import { type ObjectId, unanswered } from "./git.ts";
import type { FindLastRelease } from "./last-release.ts";
import { type Repository, runGit } from "./repository.ts";

const { references, ledger, changelog } = layout;

/**
 * Files whose old versions stay: changelogs, lock files, the ledger, examples with frozen fields, and an
 * adopted copy of these scripts with its manifest.
 */
const frozen = [
  ...["**/scripts/adopted.json", "**/scripts/**/*.ts", "**/release-gate/**/*.ts"],
  ...["**/changelog*", "**/*.lock", "**/package-lock.json", changelog],
  ...[ledger ?? [], references.lockFiles ?? [], references.schemaExamples ?? []].flat(),
];

/** What is known about the mentions of an earlier version. */
interface MentionsQuestion {
  /** What finds the earlier version: the last release. */
  readonly findLast: FindLastRelease;
  /** The version before a bump, which is the earlier version if it is a final one. */
  readonly from?: Version | undefined;
  /** The commit whose files are searched; default: the work tree. */
  readonly commit?: ObjectId | undefined;
  /** Reports whether a bump changes a line of a file. */
  readonly isKnown?: (file: string, line: number) => boolean;
}

/**
 * Returns a notice that counts the lines of tracked text files that mention the earlier version as a
 * word, and a detail for each. Returns no finding if there is none, if no earlier version is known, or
 * for a prerelease, which users' references do not follow.
 *
 * @throws {Refusal} If git fails.
 */
export async function countMentions(
  repository: Repository,
  judged: Version,
  { findLast, from = judged, commit, isKnown }: MentionsQuestion,
): Promise<Finding[]> {
  if (isPrerelease(judged)) {
    return [];
  }
  const isFinal = from !== judged && !isPrerelease(from);
  const version = isFinal ? from : (await findLast(judged)).version;
  if (version === undefined || compareVersions(version, judged) >= 0) {
    return [];
  }
  const options = ["-I", "-n", "-z", "-F", "--no-color", "--no-column", "--no-recurse-submodules"];
  const files = frozen.map((glob) => `:(top,exclude,glob,icase)${glob}`);
  const args = ["grep", ...options, "-e", version, ...(commit ? [commit] : []), "--", ":(top)"];
  const answer = await runGit(repository, [...args, ...files]);
  if (answer.code > 1 || answer.timedOut || (answer.code === 1) !== (answer.stdout === "")) {
    throw unanswered(`find the places that mention ${version}`, answer);
  }
  const word = new RegExp(
    `(?<![0-9]|[0-9]\\.)${RegExp.escape(version)}(?!\\.?[0-9]|-(?:alpha|beta|dev|pre|rc))`,
  );
  const places = answer.stdout.split("\n").flatMap((each) => {
    const [name = "", number, text = ""] = each.split("\0");
    const [file, line] = [commit ? name.slice(commit.length + 1) : name, Number(number)];
    const index = text.search(word);
    return index < 0 || isKnown?.(file, line) ? [] : [{ file, line, column: index + 1 }];
  });
  const [verb, them] = places.length === 1 ? [" mentions", "it"] : ["s mention", "them"];
  const sum = `${places.length} other place${verb} ${version}: --verbose lists ${them}`;
  return places.length === 0
    ? []
    : [
        notice(sum),
        ...places.map((at) => detail(`${at.file}:${at.line} mentions ${version}`, { at })),
      ];
}
