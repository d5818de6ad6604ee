/** The plan of a release: what the operator is shown and confirms, and what the signed tag records. */

import { minuteOf } from "../lib/calendar.ts";
import { parseTagger } from "../lib/files/tag-object.ts";
import type { ObjectId } from "../lib/git/git.ts";
import type { RefUpdate, Relation, Remote, RemoteRefs } from "../lib/git/remote.ts";
import type { SignedTag } from "../lib/git/tag.ts";
import { layout } from "../lib/layout.ts";
import type { Report } from "../lib/report.ts";
import { isVersion, parseVersion, type Version } from "../lib/version.ts";

export interface ReleaseOptions {
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly resume: boolean;
  readonly atomic: boolean;
}

/** What differs between the two release commands, besides their gates. */
export interface Rules {
  /** Path of the script, and those of this run's options that the commands of remedies repeat. */
  readonly script: string;
  readonly options?: readonly string[];
  readonly tagPrefix: string;
  /** Short name of the branch that the release runs from. */
  readonly branch: string;
  /** Whether that branch, main or one in its stead, is pushed with the tag; if not, HEAD must be its tip on the remote. */
  readonly pushesMain: boolean;
}

/**
 * Returns a parser of the operand of a release command, which is `versionOf(prefix)` but for the tags
 * of the other kind.
 *
 * @param otherPrefix The prefix of those tags, and the script that releases them.
 */
export function versionOfKind(
  prefix: string,
  otherPrefix: string,
  otherScript: string,
): (text: string) => Version {
  return (text) => {
    if (text.startsWith(otherPrefix) && isVersion(text.slice(otherPrefix.length))) {
      const remedy = `bun ${otherScript} ${text}`;
      throw Object.assign(new SyntaxError(`another command releases ${text}`), { remedy });
    }
    return parseVersion(text, prefix);
  };
}

/** A release that every pre-check and gate allows. */
export interface Plan {
  readonly rules: Rules;
  /** Short name of the tag. */
  readonly tag: string;
  /** The commit that was examined, and is tagged and pushed. */
  readonly commit: ObjectId;
  readonly remote: Remote;
  readonly refs: RemoteRefs;
  /** `<short id> <subject>` of the commits that main gains. */
  readonly commits: readonly string[];
  readonly signed: SignedTag;
  /** Whether an earlier run made the local tag. */
  readonly resuming: boolean;
  readonly bypasses: readonly string[];
  /** What the tag's workflow will publish, a row each; empty if it is not listed. */
  readonly publishes: readonly string[];
  /** What is pushed, in order; what is pushed together lands together or not at all. */
  readonly pushes: readonly (readonly RefUpdate[])[];
}

/** A release that is on the remote, as the data of the report. */
export interface ReleaseData {
  readonly tag: string;
  readonly commit: ObjectId;
  readonly outcome: string;
}

/** What the tag's message records of a gate that an option bypasses, by that option. */
export const bypassRecords = {
  "--skip-lab": "lab validation gate (--skip-lab)",
  "--skip-image-check": "image gate (--skip-image-check)",
} as const;

/** Returns the options of the bypasses that a tag's message records. */
function bypassOptions(message: string): string[] {
  const lines = message.split("\n");
  return Object.entries(bypassRecords).flatMap(([option, record]) =>
    lines.includes(`Bypassed: ${record}`) ? [option] : [],
  );
}

/** Reports whether a tag's message is its name alone, as the procedure's manual fallback makes it. */
export function isBare({ tag, message }: Pick<SignedTag, "tag" | "message">): boolean {
  return message.trimEnd() === tag;
}

/** Reports whether a tag's message is one that `--resume` can go on from, as `messageOf` makes it. */
export function isResumable(tag: Pick<SignedTag, "tag" | "message">): boolean {
  const [name, emptyLine, ...trailers] = tag.message.trimEnd().split("\n");
  const isTrailer = (line: string) =>
    /^(?:Lab-validation|Image-check|Bypassed|Candidate): /.test(line);
  return isBare(tag) || (name === tag.tag && emptyLine === "" && trailers.every(isTrailer));
}

/** Returns the command that releases a tag with the options of this run. */
export function releaseCommand({ script, options = [] }: Rules, tag: string): string {
  return ["bun", script, tag, ...options].join(" ");
}

/** Returns the command that deletes a local tag and releases its commit anew. */
export function startOverCommand(rules: Rules, tag: string): string {
  return `git tag -d ${tag} && ${releaseCommand(rules, tag)}`;
}

/**
 * Returns the command that finishes an interrupted release. It repeats the bypasses that the tag's
 * message records; nothing else that a message says becomes part of a command.
 */
export function resumeCommand(script: string, tag: string, message: string): string {
  return ["bun", script, tag, "--resume", ...bypassOptions(message)].join(" ");
}

/** Returns the pushes of a release: main, then the tag, without what the remote holds already. */
export function pushesOf(
  { rules, tag, commit, refs, signed }: Pick<Plan, "rules" | "tag" | "commit" | "refs" | "signed">,
  relation: Relation,
  { atomic }: Pick<ReleaseOptions, "atomic">,
): Plan["pushes"] {
  const tagRef = `refs/tags/${tag}`;
  // If main has moved on from the commit, a push would be rejected; if it is equal, nothing changes.
  const needsMain = rules.pushesMain && relation.kind !== "behind";
  const main = needsMain ? [{ id: commit, ref: `refs/heads/${rules.branch}` }] : [];
  const tags = refs.all.get(tagRef) === signed.id ? [] : [{ id: signed.id, ref: tagRef }];
  return (atomic ? [[...main, ...tags]] : [main, tags]).filter(({ length }) => length > 0);
}

/** Returns the tag's message: its name, then the evidence of the gates and every bypass. */
export function messageOf(tag: string, trailers: readonly string[]): string {
  return [tag, ...(trailers.length === 0 ? [] : ["", ...trailers]), ""].join("\n");
}

/** Prints what is about to happen, in the order in which it will. */
export function showPlan(plan: Plan, options: ReleaseOptions, report: Report): void {
  const { rules, commit, commits, remote, signed, bypasses, publishes } = plan;
  const [_name, _emptyLine, ...trailers] = signed.message.trimEnd().split("\n");
  const label = rules.branch === layout.mainBranch ? "main" : "branch";
  const together = `${label} and tag land together or not at all`;
  const rows: (readonly [string, string])[] = [
    ["commit", commit],
    ["remote", `${remote.name} (${remote.shown})`],
    ...(rules.pushesMain ? mainRows(commits, rules.branch, label) : []),
    ["tag", `push ${signed.id} to refs/tags/${plan.tag}`],
    ["tagger", taggerOf(signed)],
    ["signed", signed.signer],
    ...trailers.map((trailer) => ["message", trailer] as const),
    ...bypasses.map((bypass) => ["BYPASSED", bypass] as const),
    ...publishes.map((each, index) => [index === 0 ? "triggers" : "", each] as const),
    ...(options.atomic && rules.pushesMain ? [["atomic", together] as const] : []),
  ];
  const asks = !options.yes && !options.dryRun;
  const print = asks ? report.printForQuestion : report.print;
  print(`Plan for ${plan.tag}:`);
  for (const [name, value] of rows) {
    print(`  ${name.padEnd(8)}  ${value}`);
  }
}

/** More commits than this would push the rest of the plan off a screen; JSON has them all. */
const commitsShown = 20;

function mainRows(
  commits: readonly string[],
  branch: string,
  label: string,
): (readonly [string, string])[] {
  if (commits.length === 0) {
    return [[label, "is on the remote already"]];
  }
  const more = commits.length - commitsShown;
  return [
    [label, `push ${countOf(commits)} to refs/heads/${branch}:`],
    ...commits.slice(0, commitsShown).map((commit) => ["", `  ${commit}`] as const),
    ...(more > 0 ? [["", `  and ${more} more`] as const] : []),
  ];
}

/** Returns the number of commits in words. */
export function countOf(commits: readonly string[]): string {
  return `${commits.length} ${commits.length === 1 ? "commit" : "commits"}`;
}

/** Returns the question that the operator confirms. */
export function questionOf({ rules, tag, commits, remote }: Plan): string {
  const main = commits.length > 0 ? `${rules.branch} (${countOf(commits)}) and ` : "";
  return `Push ${main}the tag ${tag} to ${remote.name}? [y/N] `;
}

function taggerOf({ tagger }: SignedTag): string {
  const { who, date } = parseTagger(tagger) ?? {};
  return date === undefined ? (tagger ?? "unknown, without a date") : `${who}, ${minuteOf(date)}`;
}

/** Returns a plan as the data of the report. */
export function dataOf(plan: Plan) {
  const { tag, commit, commits, remote, signed, bypasses, publishes } = plan;
  return {
    tag,
    commit,
    tagObject: signed.id,
    tagger: taggerOf(signed),
    signer: signed.signer,
    message: signed.message,
    remote: remote.shown,
    commits,
    bypasses,
    ...(publishes.length === 0 ? {} : { publishes }),
  };
}
