#!/usr/bin/env bun
/**
 * Checks every place where a release's version is written against one version: what
 * check-tag-version enforces, and what the procedure leaves to the operator (PROCEDURE step 2).
 *
 * Usage: bun scripts/check-references.ts vX.Y.Z [--ref COMMIT] [--repo DIR] [--json]
 *
 * Refuses for every reference that states another version, and for every file that cannot be read.
 * A file that is not there is no finding; one that no longer holds its reference is a warning, and so
 * is a place that seems to hold one in a spelling that is not read, which a bump leaves alone. Of
 * the chart, `appVersion` and the promised images are judged: its own version may run ahead.
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
import { judge } from "./lib/git/judged-tree.ts";
import { layout } from "./lib/layout.ts";
import type { Json } from "./lib/report.ts";
import type { Check } from "./lib/tree.ts";
import { compareVersions, isVersion, type Version } from "./lib/version.ts";

/** Judges every reference of a tree that goes with an application release. */
export const checkReferences: Check<Version> = async (tree, version) =>
  judgeReferences(await readReferences(tree, applicationVersions(version)), version);

/** The same of references that have been read already. */
export function judgeReferences(read: References, version: Version): Finding[] {
  const cannotTag = `Cannot tag ${layout.tagPrefix}${version}: `;
  return [
    ...judgeTagVersion(read.workspace, version),
    ...read.faults,
    ...operatorDriven(read).map((each) =>
      isStale(each, applicationVersions(version))
        ? staleFinding(each, version, wayOut(read, version, each), error, cannotTag)
        : matchOf(each),
    ),
    ...hollowFindings(read, version, warning),
    ...blindFindings(read),
    ...unclearFindings(read),
  ];
}

/** How much a stale reference weighs that no gate of its own refuses. */
export type Weight = "advised" | "required";

/**
 * Judges the references that the procedure leaves to the operator: a stale one is a warning if it
 * is advised to be right, an error if it is required, and so is what could not be read.
 */
export function checkOperatorReferences(weight: Weight): Check<Version> {
  return async (tree, version) => {
    const read = await readReferences(tree, applicationVersions(version));
    const references = operatorDriven(read);
    const stale = references.filter((each) => isStale(each, applicationVersions(version)));
    const complain = weight === "required" ? error : warning;
    const cannotTag = `Cannot tag ${layout.tagPrefix}${version}: `;
    const opening = weight === "required" ? cannotTag : "Stale reference: ";
    const matching = references.length - stale.length;
    return [
      ...read.faults.map((fault) => complain(fault.message, fault)),
      ...stale.map((each) =>
        staleFinding(each, version, wayOut(read, version, each), complain, opening),
      ),
      ...hollowFindings(read, version, complain, weight === "required" ? cannotTag : ""),
      ...blindFindings(read),
      ...unclearFindings(read),
      notice(`${matching} of ${references.length} operator-driven references state ${version}`),
    ];
  };
}

function operatorDriven({ references }: References): readonly Reference[] {
  return references.filter(({ row }) => !row.enforced);
}

function matchOf({ file, what, written, place }: Reference): Finding {
  return notice(`${file}: ${what} -> ${shown(written)} (matches tag)`, { at: place });
}

function staleFinding(
  { file, what, written, becomes, place }: Reference,
  version: Version,
  remedy: string,
  complain: typeof error,
  opening: string,
): Finding {
  return complain(
    `${opening}${file} says ${what} ${shown(written)}, expected ${becomes(version)}`,
    { at: place(), remedy },
  );
}

/** What mends a stale reference: the bump, unless it refuses to, or the workspace is past the version. */
function wayOut({ workspace }: References, version: Version, { byHand }: Reference): string {
  const found = workspace.version?.value;
  return typeof found === "string" && isVersion(found) && compareVersions(found, version) > 0
    ? `The workspace is at ${found}, and a bump goes forward only: ask about that version, or about a commit of ${version} with --ref`
    : (byHand ??
        `Bring every reference along: bun scripts/bump-version.ts ${version} --allow-same`);
}

/** Sections of a changelog that stand for the version, and say nothing of it. */
function hollowFindings(
  read: References,
  version: Version,
  complain: typeof error,
  opening = "",
): readonly Finding[] {
  return operatorDriven(read)
    .filter((each) => each.hollow === true && !isStale(each, applicationVersions(version)))
    .map(({ file, written, place }) =>
      complain(`${opening}${file} says nothing below ## ${shown(written)}`, {
        at: place(),
        remedy: "Write what is new below it, and commit that",
      }),
    );
}

/** The faults of enforced rows are told by the checks that enforce them. */
function blindFindings({ blind }: References): readonly Finding[] {
  return blind
    .filter(({ row }) => !row.enforced)
    .map(({ row, file }) =>
      warning(`${file} no longer holds a reference that the table knows: ${row.name}`, {
        at: { file },
        remedy: "Restore it, or mend the row in scripts/lib/files/references.ts",
      }),
    );
}

function unclearFindings({ unclear }: References): readonly Finding[] {
  return unclear.map(({ row, at, clear }) =>
    warning(`${at.file} seems to hold a reference in a spelling that is not read: ${row.name}`, {
      at,
      remedy: `Look at the line: write ${clear}, or keep it by hand`,
    }),
  );
}

/** What is written in a file, plain if it is plain. */
function shown(written: string): string {
  return /^[\w .+:/@^=[\]()-]{1,120}$/.test(written) ? written : quote(written);
}

export const table = command({
  name: "scripts/check-references.ts",
  summary: "Checks every place where a release's version is written against one version.",
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
    let data: () => Json = () => ({});
    report.add(
      await judge(await repository(), options.ref, async (tree) => {
        const read = await readReferences(tree, applicationVersions(version));
        data = () => dataOf(read, version);
        return judgeReferences(read, version);
      }),
    );
    report.attach(data);
  },
});

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
