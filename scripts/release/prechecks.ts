/** The pre-checks of both release commands: a decision over facts that were found before. */

import { error, type Finding, notice, shellWord, warning } from "../lib/finding.ts";
import type { Checkout } from "../lib/git/checkout.ts";
import { type ObjectId, short } from "../lib/git/git.ts";
import type { Relation, Remote, RemoteRefs } from "../lib/git/remote.ts";
import type { LocalTag } from "../lib/git/tag.ts";
import { layout } from "../lib/layout.ts";
import { isReleaseBranch, mergeCommand } from "../lib/release-branch.ts";
import { compareVersions, isVersion, type Version } from "../lib/version.ts";
import { countOf, type ReleaseOptions, type Rules, resumeCommand } from "./plan.ts";

/** What is known before a release; a question without an answer is missing. */
export interface Facts {
  readonly tag: string;
  readonly version: Version;
  readonly commit: ObjectId;
  readonly checkout: Checkout;
  readonly localTag: LocalTag;
  readonly remote: Remote | undefined;
  readonly refs: RemoteRefs | undefined;
  /** How `commit` is related to the remote's main branch. */
  readonly relation: Relation | undefined;
  /** Whether the release goes on from a tag that an earlier run left. */
  readonly resuming: boolean;
  readonly interactive: boolean;
}

/** What decides how a tag that is here may be finished. */
type Tagged = Pick<Facts, "tag" | "localTag" | "refs">;

type Choices = Pick<ReleaseOptions, "dryRun" | "yes" | "resume">;

/** Judges everything that must hold before the gates count. */
export function precheck(
  facts: Facts,
  rules: Rules,
  options: Choices,
): { readonly findings: readonly Finding[]; readonly complete: boolean } {
  if (options.resume && isPublished(facts) && hasLanded(facts, rules)) {
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

function remoteTag({ tag, refs }: Tagged): ObjectId | undefined {
  return refs?.all.get(`refs/tags/${tag}`);
}

/** Reports whether the tag that is here is on the remote. */
export function isPublished(facts: Tagged): boolean {
  return facts.localTag.kind === "signed" && facts.localTag.id === remoteTag(facts);
}

/** Reports whether the remote's main holds the commit; a chart release pushes no main. */
function hasLanded(facts: Facts, rules: Rules): boolean {
  return !rules.pushesMain || facts.relation?.kind === "equal" || facts.relation?.kind === "behind";
}

function checkBranch({ checkout, tag }: Facts, rules: Rules): Finding[] {
  const main = layout.mainBranch;
  if (checkout.branch === `refs/heads/${main}`) {
    return [notice(`on branch ${main} at ${short(checkout.head)}`)];
  }
  const branch = checkout.branch?.replace(/^refs\/heads\//, "");
  const merge =
    branch !== undefined && isReleaseBranch(branch) ? ` && ${mergeCommand(branch)}` : "";
  return [
    error(`A release must run from '${main}': HEAD is on ${branch ?? "no branch (detached)"}`, {
      remedy: `git checkout ${main}${merge}, then: bun ${rules.script} ${tag}`,
    }),
  ];
}

function checkWorkTree({ checkout }: Facts): Finding[] {
  const { underway, changes } = checkout;
  const first = changes.slice(0, 5).join(", ");
  const more = changes.length > 5 ? `, and ${changes.length - 5} more` : "";
  return [
    ...underway.map((operation) =>
      error(`Cannot release while a ${operation} is under way in this checkout`, {
        remedy: "Finish it or end it: git status says how",
      }),
    ),
    changes.length === 0
      ? notice("the working tree is clean")
      : error(`The working tree is dirty: ${first}${more}`, {
          remedy: "Commit the changes, or set them aside: git stash --include-untracked",
        }),
  ];
}

const theirs = `${layout.remote}/${layout.mainBranch}`;

/** How to bring into main here what the remote's main has gained. */
export const integrate = `git fetch ${layout.remote} && git merge ${theirs}, then see whether the lab has validated what came in`;

function checkSync(facts: Facts, rules: Rules): Finding[] {
  const { relation, commit, refs, resuming } = facts;
  if (relation === undefined || refs === undefined) {
    return [];
  }
  switch (relation.kind) {
    case "equal":
      return [notice(`in sync with ${theirs} at ${short(refs.main)}`)];
    case "ahead": {
      const ahead = `${countOf(relation.commits)} ahead of ${theirs}`;
      return rules.pushesMain
        ? [notice(`${short(commit)} is ${ahead}`)]
        : [
            error(`Cannot release from ${short(commit)}: it is ${ahead}, expected no difference`, {
              remedy: `Release the application first, which pushes ${layout.mainBranch}; if that is done: git push ${layout.remote} ${layout.mainBranch}`,
            }),
          ];
    }
    case "behind":
      return resuming
        ? [notice(`${short(commit)} is on ${theirs} already`)]
        : [
            error(`Cannot release from ${short(commit)}: it is behind ${theirs}`, {
              remedy: `git pull --ff-only ${layout.remote} ${layout.mainBranch}`,
            }),
          ];
    case "diverged":
      return [
        error(`Cannot release from ${short(commit)}: it has diverged from ${theirs}`, {
          remedy: resuming ? afterDivergence(facts, rules) : integrate,
        }),
      ];
    case "unfetched":
      return [
        error(`Cannot release: ${theirs} is at ${short(refs.main)}, which is not here yet`, {
          // Only a fetch can tell whether the commit of the tag is on main already.
          remedy: resuming
            ? `git fetch ${layout.remote} && ${finishCommand(facts, rules)}`
            : integrate,
        }),
      ];
  }
}

/** Returns the command that repeats the interrupted run whose tag is here. */
function finishCommand({ tag, localTag }: Tagged, { script }: Pick<Rules, "script">): string {
  return resumeCommand(script, tag, localTag.kind === "signed" ? localTag.tag.message : "");
}

/** Returns the way on from a tag whose commit has diverged: a merge into main does not change it. */
function afterDivergence(facts: Facts, rules: Rules): string {
  const { mainBranch: main, remote } = layout;
  return isPublished(facts)
    ? `Bring the commit of the tag to ${main}: git pull --no-rebase ${remote} ${main} && git merge ${facts.tag} && git push ${remote} ${main}, then: ${finishCommand(facts, rules)}`
    : `Start over from what ${main} has: git tag -d ${facts.tag} && ${integrate}, then: bun ${rules.script} ${facts.tag}`;
}

/** Returns the ways on from a tag that is here, and that this run refuses or would make differently. */
export function waysOn(facts: Tagged, rules: Pick<Rules, "script">): string {
  const or = isPublished(facts)
    ? "A published tag is never moved"
    : `Or start over: git tag -d ${facts.tag}`;
  return `Repeat the options of the interrupted run: ${finishCommand(facts, rules)}. ${or}`;
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
          remedy: `Delete it if nobody has it: git tag -d ${tag}`,
        }),
      ];
    case "signed": {
      const what = `signed by ${localTag.tag.signer}, of commit ${short(localTag.tag.object)}`;
      if (resume) {
        return [notice(`resuming ${tag}: the tag is here, ${what}`)];
      }
      const finish = finishCommand(facts, rules);
      const [where, remedy] = isPublished(facts)
        ? [`${layout.remote} holds it, too`, `Ask whether anything is left to do: ${finish}`]
        : [
            "an interrupted release leaves this",
            `Finish it: ${finish}. Or start over: git tag -d ${tag}`,
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
  if (isPublished(facts)) {
    return resume ? [notice(`tag ${tag} is on ${layout.remote} already`)] : [];
  }
  return [
    error(`Tag ${tag} already exists on ${layout.remote}: object ${short(theirs)}`, {
      remedy: waysFromOther(tag, rules.script, localTag.kind !== "absent"),
    }),
  ];
}

/** Returns the ways on where the remote holds a tag that is not the one here; `isHere`: if one is. */
export function waysFromOther(tag: string, script: string, isHere: boolean): string {
  const ref = `refs/tags/${tag}`;
  const clear = isHere ? `git tag -d ${tag} && ` : "";
  return `If an interrupted run of yours pushed it: ${clear}git fetch ${layout.remote} ${ref}:${ref} && bun ${script} ${tag} --resume. If not, never move a published tag: release the next version`;
}

/**
 * Refuses where the remote holds a ref that git may take for one that is pushed, or that cannot
 * exist beside it, such as `refs/heads/refs/tags/v1.2.3` and `refs/tags/v1.2.3/x`.
 */
function checkOtherRefs({ refs, tag }: Facts, { pushesMain }: Rules): Finding[] {
  const pushed = [...(pushesMain ? [`refs/heads/${layout.mainBranch}`] : []), `refs/tags/${tag}`];
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

/** A version below the newest release tag is legal (a backport) and mostly a slip. */
function checkOrder({ refs, tag, version }: Facts, { tagPrefix }: Rules): Finding[] {
  const folder = `refs/tags/${tagPrefix}`;
  const newest = [...(refs?.all.keys() ?? [])]
    .flatMap((ref) => (ref.startsWith(folder) ? [ref.slice(folder.length)] : []))
    .filter(isVersion)
    .sort(compareVersions)
    .at(-1);
  if (newest === undefined || compareVersions(version, newest) >= 0) {
    return [];
  }
  return [
    warning(`${tag} is lower than the newest release tag ${tagPrefix}${newest}`, {
      remedy: "Go on only if this is a release of an older line",
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
