#!/usr/bin/env bun
/**
 * Checks every place that states a release's version against one version: those that
 * check-tag-version enforces, and those that the operator maintains (PROCEDURE step 2).
 *
 * Usage: bun scripts/check-references.ts vX.Y.Z [--ref COMMIT] [--repo DIR] [--json]
 *
 * Refuses if a reference states another version, or a file cannot be read. A missing file has no
 * finding. A file that no longer has its reference is a warning, and so is a place that seems to
 * hold one in a form that cannot be read, which a bump does not change. Of the chart, `appVersion`
 * and the promised images are checked, but not its own version, which may be ahead.
 *
 * Exit codes: 0 passed, 1 refused or could not find out, 2 wrong command line, 130 interrupted.
 */

import { judgeTagVersion } from "./check-tag-version.ts";
import { command, main, operand, refOption, versionOf } from "./lib/cli.ts";
import {
  applicationVersions,
  isStale,
  type Reference,
  type References,
  readReferences,
} from "./lib/files/references.ts";
import { error, type Finding, notice, quote, warning } from "./lib/finding.ts";
import type { ObjectId } from "./lib/git/git.ts";
import { judge } from "./lib/git/judged-tree.ts";
import type { Repository } from "./lib/git/repository.ts";
import { layout } from "./lib/layout.ts";
import type { Json } from "./lib/report.ts";
import type { Check } from "./lib/tree.ts";
import { compareVersions, isVersion, type Version } from "./lib/version.ts";

/** Checks every reference of a tree that follows an application release. */
export const checkReferences: Check<Version> = async (tree, version) =>
  judgeReferences(await readReferences(tree, applicationVersions(version)), version);

/** Checks references that have been read already. */
export function judgeReferences(read: References, version: Version): Finding[] {
  return [
    ...judgeTagVersion(read.workspace, version),
    ...read.faults,
    ...operatorFindings(read, version, error, warning),
  ];
}

/** Whether a stale reference that no other check enforces is a warning or an error. */
export type Weight = "advised" | "required";

/**
 * Returns a check of the references that the operator maintains. A stale one, or a file that cannot
 * be read, is a warning if the weight is `advised`, and an error if it is `required`.
 */
export function checkOperatorReferences(weight: Weight): Check<Version> {
  return async (tree, version) => {
    const read = await readReferences(tree, applicationVersions(version));
    const complain = weight === "required" ? error : warning;
    const findings = operatorFindings(read, version, complain, complain);
    const complaints = findings.filter(({ level }) => level !== "notice");
    const matching = findings.length - complaints.length;
    const all = operatorDriven(read).length + read.faults.length;
    return [
      ...read.faults.map((fault) => complain(fault.message, fault)),
      ...complaints,
      notice(`${matching} of ${all} operator-driven references state ${version}`),
    ];
  };
}

function operatorDriven({ references }: References): readonly Reference[] {
  return references.filter(({ row }) => !row.enforced);
}

/**
 * Checks the references that no other check enforces.
 *
 * @param stale Makes the finding about a stale reference.
 * @param hollow Makes the finding about a changelog section without content.
 */
function operatorFindings(
  read: References,
  version: Version,
  stale: typeof error,
  hollow: typeof error,
): Finding[] {
  const versions = applicationVersions(version);
  const references = operatorDriven(read);
  const cannotTag = `Cannot tag ${layout.tagPrefix}${version}: `;
  return [
    ...references.map((each) => {
      const { file, what, written, becomes, place: at } = each;
      const opening = stale === error ? cannotTag : "Stale reference: ";
      return isStale(each, versions)
        ? stale(`${opening}${file} says ${what} ${shown(written)}, expected ${becomes(version)}`, {
            at,
            remedy: remedyFor(read, version, each),
          })
        : notice(`${file}: ${what} -> ${shown(written)} (matches tag)`, { at });
    }),
    ...references
      .filter((each) => each.hollow === true && !isStale(each, versions))
      .map(({ file, written, place: at }) =>
        hollow(
          `${hollow === error ? cannotTag : ""}${file} says nothing below ## ${shown(written)}`,
          { at, remedy: "Write what is new below it, and commit that" },
        ),
      ),
    ...read.blind.map(({ row, file }) =>
      warning(`${file} no longer holds a reference that the table knows: ${row.name}`, {
        at: { file },
        remedy: "Restore it, or correct the row in scripts/lib/files/references.ts",
      }),
    ),
    ...read.unclear.map(({ row, at, clear }) =>
      warning(`${at.file} seems to hold a reference in a spelling that is not read: ${row.name}`, {
        at,
        remedy: `Look at the line: write ${clear}, or keep it by hand`,
      }),
    ),
  ];
}

/** Returns the remedy for a stale reference: the bump, unless the bump refuses to change it. */
function remedyFor({ workspace }: References, version: Version, { byHand }: Reference): string {
  const found = workspace.version?.value;
  return typeof found === "string" && isVersion(found) && compareVersions(found, version) > 0
    ? `The workspace is at ${found}, and a bump goes forward only: ask about that version, or about a commit of ${version} with --ref`
    : (byHand ??
        `Bring every reference along: bun scripts/bump-version.ts ${version} --allow-same`);
}

/** Returns a text of a file for a message, quoted if it has unusual characters. */
function shown(written: string): string {
  return /^[\w .+:/@^=[\]()-]{1,120}$/.test(written) ? written : quote(written);
}

export const table = command({
  name: "scripts/check-references.ts",
  summary: "Checks every place that states a release's version against one version.",
  operands: {
    version: operand(
      "the version that every reference must state, as vX.Y.Z or X.Y.Z",
      versionOf(layout.tagPrefix),
      "tag|version",
    ),
  },
  options: { ref: refOption },
  refuses: [
    "the workspace, a crate or a pin on a sibling states another version (check-tag-version)",
    "a lock file, CI template, snippet or schema example states another version",
    "CHANGELOG.md has no ## [X.Y.Z] section with a real date",
    "the chart's appVersion or the tag of a promised image is another version",
    "a file that holds references cannot be read",
  ],
  example: "bun scripts/check-references.ts v1.2.3 --ref v1.2.3",
  async run({ operands, options, repository, report }) {
    const { version } = operands;
    const opened = await repository();
    let data: () => Json = () => ({});
    report.add(
      await judge(opened, options.ref, async (tree, commit) => {
        const read = await readReferences(tree, applicationVersions(version));
        data = () => dataOf(read, version);
        const findings = judgeReferences(read, version);
        return commit === undefined || findings.every(({ level }) => level === "notice")
          ? findings
          : await forHistory(findings, opened, commit, `${layout.tagPrefix}${version}`);
      }),
    );
    report.attach(data);
  },
});

/** Returns findings about a commit. If it is the tagged one, no remedy changes it any more. */
async function forHistory(
  findings: readonly Finding[],
  repository: Repository,
  commit: ObjectId,
  tag: string,
): Promise<readonly Finding[]> {
  const { findCommit } = await import("./lib/git/git.ts");
  const remedy = `${tag} is tagged, so this stays as it is: correct it in the next release`;
  return (await findCommit(repository, `refs/tags/${tag}`)) === commit
    ? findings.map((each) => (each.remedy === undefined ? each : { ...each, remedy }))
    : findings;
}

function dataOf({ references, blind }: References, version: Version): Json {
  const versions = applicationVersions(version);
  return {
    version,
    stale: references.filter((each) => isStale(each, versions)).length,
    references: references.map((each) => ({
      row: each.row.name,
      enforced: each.row.enforced,
      ...each.place(),
      what: each.what,
      found: each.written,
      expected: each.becomes(version),
      stale: isStale(each, versions),
    })),
    blind: blind.map(({ row, file }) => ({ row: row.name, file })),
  };
}

if (import.meta.main) {
  await main(table);
}
