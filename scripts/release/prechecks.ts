/** The pre-checks of both release commands: a decision over facts that were found before. */

import { error, type Finding, notice, shellWord, warning } from "../lib/finding.ts";
import type { Checkout } from "../lib/git/checkout.ts";
import { type ObjectId, short } from "../lib/git/git.ts";
import { newestRelease } from "../lib/git/last-release.ts";
import { type Relation, type Remote, type RemoteRefs, tipOf } from "../lib/git/remote.ts";
import { type LocalTag, remedyForReplaced, type SignedTag } from "../lib/git/tag.ts";
import { layout } from "../lib/layout.ts";
import { isReleaseBranch, mergeCommand, orOnLine } from "../lib/release-branch.ts";
import { compareVersions, finalOf, type Version } from "../lib/version.ts";
import {
  countOf,
  isBare,
  isResumable,
  type ReleaseOptions,
  type Rules,
  releaseCommand,
  resumeCommand,
  startOverCommand,
} from "./plan.ts";

/** What is known before a release; a question without an answer is missing. */
export interface Facts {
  readonly tag: string;
  readonly version: Version;
  readonly commit: ObjectId;
  readonly checkout: Checkout;
  readonly localTag: LocalTag;
  readonly remote: Remote | undefined;
  readonly refs: RemoteRefs | undefined;
  /** How `commit` is related to the branch of the remote; undefined if that does not exist. */
  readonly relation: Relation | undefined;
  /** The tags that the commit contains, if only these make a version a lower one; undefined for all. */
  readonly contained?: ReadonlySet<string> | undefined;
  /** Whether the release goes on from a tag that an earlier run left. */
  readonly resuming: boolean;
  readonly interactive: boolean;
  /** Whether a gate refuses the commit; undefined if none was asked. */
  readonly isRefused?: boolean;
}

/** What decides how the release of a local tag can be finished. */
type Tagged = Pick<Facts, "tag" | "localTag" | "refs" | "checkout">;

type Choices = Pick<ReleaseOptions, "dryRun" | "yes" | "resume">;

/** What the pre-checks found. */
export interface Prechecked {
  readonly findings: readonly Finding[];
  /** Whether an earlier run has finished the release. */
  readonly complete: boolean;
}

/** Judges everything that must hold before the gates count. */
export function precheck(facts: Facts, rules: Rules, options: Choices): Prechecked {
  if (options.resume && isTagPushed(facts) && hasLanded(facts, rules)) {
    const held = `${layout.remote} holds the signed tag of ${short(facts.commit)}`;
    return {
      findings: [notice(`${facts.tag} is released already: ${held}; nothing is left to do`)],
      complete: true,
    };
  }
  return {
    findings: [
      ...checkBranch(facts, rules),
      ...checkWorkTree(facts),
      ...checkSync(facts, rules),
      ...checkLocalTag(facts, rules, options.resume),
      ...checkRemoteTag(facts, rules, options.resume),
      ...checkOtherRefs(facts, rules),
      ...checkOrder(facts, rules),
      ...checkConfirmation(facts, options),
    ],
    complete: false,
  };
}

/** Returns the object that the remote holds under the name of the tag. */
export function remoteTag({ tag, refs }: Tagged): ObjectId | undefined {
  return refs?.all.get(`refs/tags/${tag}`);
}

/** Reports whether the remote holds the very tag that is here. */
export function isTagPushed(facts: Tagged): boolean {
  return facts.localTag.kind === "signed" && facts.localTag.id === remoteTag(facts);
}

/** Reports whether a signed tag is here, and the remote holds another object under its name. */
function isReplaced(facts: Tagged): boolean {
  const isHeld = remoteTag(facts) !== undefined;
  return facts.localTag.kind === "signed" && isHeld && !isTagPushed(facts);
}

/** Reports whether the remote's main holds the commit, if the release pushes main. */
function hasLanded(facts: Facts, rules: Rules): boolean {
  return !rules.pushesMain || facts.relation?.kind === "equal" || facts.relation?.kind === "behind";
}

function isOnBranch({ checkout }: Tagged, { branch }: Rules): boolean {
  return checkout.branch === `refs/heads/${branch}`;
}

/** Reports whether HEAD is on another release branch than the right one, which is not released yet. */
export function isOnOpenBranch(facts: Facts, rules: Rules): boolean {
  const branch = facts.checkout.branch?.replace(/^refs\/heads\//, "") ?? "";
  const tag = branch.replace("release/", rules.tagPrefix);
  const isOpen = facts.refs !== undefined && !facts.refs.all.has(`refs/tags/${tag}`);
  const isOlder = newerRelease(facts, rules) !== undefined;
  return isReleaseBranch(branch) && isOpen && !isOlder && !isOnBranch(facts, rules);
}

/**
 * Returns the refusal of a release whose branch is not merged.
 *
 * @param name The release branch as a merge names it, such as `origin/release/1.2.3`.
 */
export function notMerged(facts: Facts, rules: Rules, name: string): Finding {
  const branch = name.replace(`${layout.remote}/`, "");
  const fetch = name === branch ? "" : `git fetch ${layout.remote} && `;
  return error(`Cannot release ${facts.tag}: ${branch} is not merged into ${rules.branch}`, {
    remedy: olderLine(facts, rules) ?? `${fetch}${mergeCommand(branch, name)}`,
  });
}

/** Returns the refusal of a version below the newest release from another branch than the right one. */
export function refuseOlderLine(facts: Facts, rules: Rules): Finding | undefined {
  const isOlder = !facts.resuming && olderLine(facts, rules) !== undefined;
  return isOlder && !isOnBranch(facts, rules) ? checkBranch(facts, rules)[0] : undefined;
}

function checkBranch(facts: Facts, rules: Rules): Finding[] {
  const { checkout, tag } = facts;
  if (isOnBranch(facts, rules)) {
    return [notice(`on branch ${rules.branch} at ${short(checkout.head)}`)];
  }
  const branch = checkout.branch?.replace(/^refs\/heads\//, "");
  const isMergeable = rules.pushesMain && branch !== undefined && isReleaseBranch(branch);
  const merge = isMergeable ? ` && ${mergeCommand(branch)}` : "";
  const way =
    isMergeable && facts.isRefused
      ? `See what is left before the merge: bun scripts/status.ts ${layout.tagPrefix}${finalOf(facts.version)}`
      : `git checkout ${rules.branch}${merge}, then: ${releaseCommand(rules, tag)}`;
  return [
    error(
      `A release must run from '${rules.branch}': HEAD is on ${branch ?? "no branch (detached)"}`,
      { remedy: olderLine(facts, rules) ?? way },
    ),
  ];
}

function checkWorkTree({ checkout }: Facts): Finding[] {
  const { underway, changes } = checkout;
  const first = changes.slice(0, 5).join(", ");
  const more = changes.length > 5 ? `, and ${changes.length - 5} more` : "";
  const { ledger } = layout;
  const others = changes.filter((path) => path !== ledger);
  const commitLedger = `git add ${ledger} && git commit --message "Record a lab validation" ${ledger}`;
  const setAside = "Commit the changes, or set them aside: git stash --include-untracked";
  return [
    ...underway.map((operation) =>
      error(`Cannot release while a ${operation} is under way in this checkout`, {
        remedy: "Finish it or end it: git status says how",
      }),
    ),
    changes.length === 0
      ? notice("the working tree is clean")
      : error(`The working tree is dirty: ${first}${more}`, {
          // To set the ledger aside would lose the row of a lab run.
          remedy: [
            ...(others.length < changes.length ? [commitLedger] : []),
            ...(others.length > 0 ? [setAside] : []),
          ].join(", then: "),
        }),
  ];
}

/** Returns how to bring into a branch here what that of the remote has gained. */
export function integrate(branch: string): string {
  const merge = `git fetch ${layout.remote} && git merge --no-edit ${layout.remote}/${branch}`;
  const validated = ", then see whether the lab has validated what came in";
  return `${merge}${branch === layout.mainBranch ? validated : ""}`;
}

function checkSync(facts: Facts, rules: Rules): Finding[] {
  const { relation, commit, refs, resuming } = facts;
  const { branch } = rules;
  const theirs = `${layout.remote}/${branch}`;
  const tip = refs && tipOf(refs, branch);
  const gain = () => olderLine(facts, rules) ?? integrate(branch);
  // On another branch than the right one, HEAD is not the commit to compare.
  if (refs === undefined || !(resuming || isOnBranch(facts, rules))) {
    return [];
  }
  if (tip === undefined) {
    return [
      error(`Cannot release from ${short(commit)}: there is no branch ${theirs}`, {
        remedy: `git push -u ${layout.remote} ${branch}`,
      }),
    ];
  }
  switch (relation?.kind) {
    case undefined:
      return [];
    case "equal":
      return [notice(`in sync with ${theirs} at ${short(tip)}`)];
    case "ahead": {
      const ahead = `${countOf(relation.commits)} ahead of ${theirs}`;
      const push = `git push ${layout.remote} ${branch}`;
      return rules.pushesMain
        ? [notice(`${short(commit)} is ${ahead}`)]
        : [
            error(`Cannot release from ${short(commit)}: it is ${ahead}, expected no difference`, {
              remedy:
                branch === layout.mainBranch
                  ? `Release the application first, which pushes ${branch}; if that is done: ${push}`
                  : push,
            }),
          ];
    }
    case "behind":
      return resuming
        ? [notice(`${short(commit)} is on ${theirs} already`)]
        : [
            error(`Cannot release from ${short(commit)}: it is behind ${theirs}`, {
              remedy: `git pull --ff-only ${layout.remote} ${branch}`,
            }),
          ];
    case "diverged":
      return [
        error(`Cannot release from ${short(commit)}: it has diverged from ${theirs}`, {
          remedy: resuming ? afterDivergence(facts, rules) : gain(),
        }),
      ];
    case "unfetched":
      return [
        error(`Cannot release: ${theirs} is at ${short(tip)}, which is not here yet`, {
          // Only a fetch can tell whether the commit of the tag is on the branch already.
          remedy: resuming
            ? `git fetch ${layout.remote} && ${finishCommand(facts, rules)}`
            : gain(),
        }),
      ];
  }
}

/** Returns the command that repeats the interrupted run whose tag is here. */
function finishCommand({ tag, localTag }: Tagged, { script }: Pick<Rules, "script">): string {
  return resumeCommand(script, tag, localTag.kind === "signed" ? localTag.tag.message : "");
}

/** Returns why `--resume` refuses a signed tag, as far as the tag and HEAD tell; undefined if they do not. */
export function whyNotResumable(facts: Tagged, tag: SignedTag, rules: Rules): string | undefined {
  const { branch, head } = facts.checkout;
  if (!isResumable(tag)) {
    return "its message is of no release";
  }
  return isBare(tag) && isOnBranch(facts, rules) && tag.object !== head
    ? `it was made by hand, and is not of ${short(head)} on ${branch?.replace("refs/heads/", "")}`
    : undefined;
}

/** Returns the remedy for a tag whose commit has diverged: no merge changes the commit of a tag. */
function afterDivergence(facts: Facts, rules: Rules): string {
  const { remote } = layout;
  const { branch } = rules;
  return isTagPushed(facts)
    ? `Bring the commit of the tag to ${branch}: git pull --no-rebase ${remote} ${branch} && git merge ${facts.tag} && git push ${remote} ${branch}, then: ${finishCommand(facts, rules)}`
    : isReplaced(facts)
      ? remedyForReplaced(facts.tag)
      : `Start over from what ${branch} has: git tag -d ${facts.tag} && ${integrate(branch)}, then: ${releaseCommand(rules, facts.tag)}`;
}

/**
 * Returns the remedy for a signed tag that is here, and that this run refuses or would make
 * differently.
 *
 * @param bypasses Those of this run, so that no remedy repeats the options that were refused.
 */
export function remedyForOwnTag(facts: Tagged, rules: Rules, bypasses: readonly string[]): string {
  const { tag, localTag } = facts;
  if (isReplaced(facts)) {
    return remedyForReplaced(tag);
  }
  const found = localTag.kind === "signed" ? localTag.tag : undefined;
  const given = bypasses.map((each) => `Bypassed: ${each}`).join("\n");
  const again = finishCommand(facts, rules);
  const isOther =
    found !== undefined &&
    whyNotResumable(facts, found, rules) === undefined &&
    again !== resumeCommand(rules.script, tag, given);
  const whose =
    found && isBare(found)
      ? "Give no bypass with a tag that was made by hand"
      : "Repeat the options of the interrupted run";
  const repeat = isOther ? `${whose}: ${again}. ` : "";
  return isTagPushed(facts)
    ? `${repeat}A published tag is never moved${isOther ? "" : ": release the next version"}`
    : `${repeat}${isOther ? "Or " : ""}${remedyByDeletion(facts, rules, isOther)}`;
}

/**
 * Returns the remedy that deletes the tag here; while the remote may hold the tag, to ask it.
 *
 * @param isGoingOn Whether the sentence has begun.
 */
export function remedyByDeletion({ tag, refs }: Tagged, rules: Rules, isGoingOn = false): string {
  const { remote } = layout;
  const way =
    refs === undefined
      ? `ask ${remote} first, which may hold ${tag}: git ls-remote ${remote}`
      : `delete it and release: ${startOverCommand(rules, tag)}`;
  return isGoingOn ? way : way.charAt(0).toUpperCase() + way.slice(1);
}

function checkLocalTag(facts: Facts, rules: Rules, resume: boolean): Finding[] {
  const { tag, localTag } = facts;
  switch (localTag.kind) {
    case "absent":
      return resume
        ? [notice(`nothing to resume: there is no tag ${tag} here, so this run starts afresh`)]
        : [notice(`tag ${tag} is free here`)];
    case "unknown":
      return [...localTag.findings];
    case "unfit":
      return [
        error(`Tag ${tag} already exists locally: it is ${localTag.why}; no release made it`, {
          remedy:
            remoteTag(facts) === undefined
              ? remedyByDeletion(facts, rules)
              : remedyForOtherTag(tag, rules.script, true),
        }),
      ];
    case "signed": {
      const of = `of commit ${short(localTag.tag.object)}`;
      if (isReplaced(facts)) {
        return [];
      }
      if (resume) {
        return [notice(`resuming ${tag}: the tag is here, ${of}`)];
      }
      const what = `signed by ${localTag.tag.signer}, ${of}`;
      const finish = finishCommand(facts, rules);
      const over = remedyByDeletion(facts, rules);
      const why = whyNotResumable(facts, localTag.tag, rules);
      const [where, remedy] = isTagPushed(facts)
        ? [`${layout.remote} holds it, too`, `Ask whether anything is left to do: ${finish}`]
        : facts.refs === undefined
          ? [`whether ${layout.remote} holds it is unknown`, over]
          : why !== undefined
            ? [why, over]
            : [
                isBare(localTag.tag) ? "it was made by hand" : "an interrupted release leaves this",
                `Finish it: ${finish}. Or start over: ${startOverCommand(rules, tag)}`,
              ];
      return [error(`Tag ${tag} already exists locally: ${what}; ${where}`, { remedy })];
    }
  }
}

function checkRemoteTag(facts: Facts, rules: Rules, resume: boolean): Finding[] {
  const { tag, refs, localTag } = facts;
  const theirs = remoteTag(facts);
  if (refs === undefined) {
    return [];
  }
  if (theirs === undefined) {
    return [notice(`tag ${tag} is free on ${layout.remote}`)];
  }
  if (isTagPushed(facts)) {
    return resume ? [notice(`tag ${tag} is on ${layout.remote} already`)] : [];
  }
  const found = `Tag ${tag} already exists on ${layout.remote}: object ${short(theirs)}`;
  if (localTag.kind === "signed") {
    const other = `signed by ${localTag.tag.signer}, is object ${short(localTag.id)}`;
    return [
      error(`${found}; the local one, ${other}: one of the two was replaced`, {
        remedy: remedyForReplaced(tag),
      }),
    ];
  }
  const remedy = remedyForOtherTag(tag, rules.script, localTag.kind !== "absent");
  return [error(found, { remedy })];
}

/** Returns the remedy for a tag on the remote that is not here; `isHere`: another one of its name is. */
export function remedyForOtherTag(tag: string, script: string, isHere: boolean): string {
  const ref = `refs/tags/${tag}`;
  const clear = isHere ? `git tag -d ${tag} && ` : "";
  return `If an interrupted run of yours pushed it: ${clear}git fetch ${layout.remote} ${ref}:${ref} && bun ${script} ${tag} --resume. If not, never move a published tag: release the next version`;
}

/**
 * Refuses where the remote holds a ref that git may take for one that is pushed, or that cannot
 * exist beside it, such as `refs/heads/refs/tags/v1.2.3` and `refs/tags/v1.2.3/x`.
 */
function checkOtherRefs({ refs, tag }: Facts, { pushesMain, branch }: Rules): Finding[] {
  const pushed = [...(pushesMain ? [`refs/heads/${branch}`] : []), `refs/tags/${tag}`];
  const names = [...(refs?.all.keys() ?? [])].filter((name) => !name.endsWith("^{}"));
  return pushed.flatMap((ref) =>
    names
      .filter((name) => name.endsWith(`/${ref}`) || name.startsWith(`${ref}/`))
      .map((name) =>
        error(`Cannot push to ${ref}: ${layout.remote} holds ${name}, expected no such ref`, {
          remedy: `Delete it there if nobody needs it: git push ${layout.remote} ${shellWord(`:${name}`)}`,
        }),
      ),
  );
}

/** Returns the newest tag of a final version on the remote, if it is greater than the version. */
function newerRelease(facts: Facts, { tagPrefix }: Rules): string | undefined {
  const { refs, version, contained } = facts;
  const tags = [...(refs?.all ?? [])]
    .map(([ref, id]) => ({ name: ref.replace("refs/tags/", ""), id }))
    .filter(({ name }) => contained?.has(name) !== false);
  const newest = newestRelease(tags, tagPrefix);
  return newest && compareVersions(version, newest.version) < 0 ? newest.tag : undefined;
}

/** Returns the remedy for a version below the newest release, which no merge makes releasable; else undefined. */
function olderLine(facts: Facts, rules: Rules): string | undefined {
  const newest = newerRelease(facts, rules);
  return (
    newest &&
    (rules.branch === layout.mainBranch
      ? orOnLine(
          `The procedure releases from ${layout.mainBranch} only, never from an older line: release a version above ${newest}`,
        )
      : `${rules.branch} contains ${newest}: release a version above it`)
  );
}

/** Warns about a version below the newest release tag, which is probably a mistake. */
function checkOrder(facts: Facts, rules: Rules): Finding[] {
  const newest = newerRelease(facts, rules);
  return newest === undefined
    ? []
    : [
        warning(`${facts.tag} is lower than the newest release tag ${newest}`, {
          remedy: olderLine(facts, rules),
        }),
      ];
}

function checkConfirmation({ interactive }: Facts, { dryRun, yes }: Choices): Finding[] {
  return interactive || dryRun || yes
    ? []
    : [
        error("Cannot ask for confirmation: stdin is not a TTY", {
          remedy: "Run it in a terminal, or confirm beforehand with --yes",
        }),
      ];
}
