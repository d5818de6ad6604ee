#!/usr/bin/env bun
/**
 * Checks every place that states a release's version against one version: those that
 * check-tag-version enforces, and those that the operator maintains (PROCEDURE step 2).
 *
 * Usage: bun scripts/check-references.ts vX.Y.Z [--ref COMMIT] [--verbose] [--repo DIR] [--json]
 *
 * Refuses if a reference states another version, or a file cannot be read. A missing file has no
 * finding. Warns if a file held a reference in the last release and holds none now, if a place states
 * the last release in a form that cannot be read, which a bump does not change, and if the chart lists
 * the changes of its last release. Of the chart, `appVersion` and the promised images are checked, but
 * not its own version, which may be ahead. Of a prerelease, only manifests and lock files are checked.
 * A pass counts the other places in tracked text files that mention the last release.
 *
 * Exit codes: 0 passed, 1 refused or could not find out, 2 wrong command line, 130 interrupted.
 */

import { judgeTagVersion, otherVersion, remedyForOther } from "./check-tag-version.ts";
import { command, main, operand, refOption, verboseOption, versionOf } from "./lib/cli.ts";
import {
  applicationVersions,
  isStale,
  judgeCounts,
  type Reference,
  type References,
  readReferences,
} from "./lib/files/references.ts";
import {
  attempt,
  error,
  type Finding,
  foldRows,
  notice,
  quote,
  together,
  warning,
} from "./lib/finding.ts";
import { checkChartChanges, notComparable } from "./lib/git/chart-changes.ts";
import { judge } from "./lib/git/judged-tree.ts";
import type { FindLastRelease } from "./lib/git/last-release.ts";
import type { Repository } from "./lib/git/repository.ts";
import { layout } from "./lib/layout.ts";
import type { Json } from "./lib/report.ts";
import type { Tree } from "./lib/tree.ts";
import { compareVersions, isPrerelease, type Version } from "./lib/version.ts";

/** Checks every reference of a tree that follows an application release. */
export async function checkReferences(
  tree: Tree,
  version: Version,
  findLast?: FindLastRelease,
): Promise<Finding[]> {
  return judgeReferences(
    await readReferences(tree, applicationVersions(version)),
    version,
    findLast,
  );
}

/**
 * Checks references that have been read already.
 *
 * @param findLast What a missing reference is compared with; without it, none is reported.
 * @param tagged Whether the version is tagged, so that its section may say that it is withdrawn.
 */
export async function judgeReferences(
  read: References,
  version: Version,
  findLast?: FindLastRelease,
  tagged = false,
): Promise<Finding[]> {
  const { references, workspace, tree } = read;
  const other = otherVersion(workspace, version);
  // A tree of another version is not compared: it is not the one that is meant.
  const ask = other === undefined ? findLast : undefined;
  const [compared, chart] = await together(
    compare(read, version, ask),
    ask === undefined || isPrerelease(version) ? [] : checkChartChanges(tree, ask),
  );
  const others = operatorDriven(read).filter(
    (each) => other !== undefined && each.version === other,
  );
  const findings = [
    ...judgeTagVersion(workspace, version, others),
    ...read.faults,
    ...operatorFindings(read, version, { ...weights.checked, tagged }),
  ];
  foldRows(findings, 0);
  const isRefused = findings.some(({ level }) => level === "error");
  // A bump reads the chart's own version, too.
  const judged = references.filter(({ row }) => row.follows !== "chart");
  const files = new Set(judged.map(({ file }) => file));
  const sum = `${judged.length} references in ${files.size} files state ${version}`;
  return [
    ...findings,
    ...compared,
    // One notice says that there was nothing to compare with.
    ...chart.filter(({ level }) => level !== "notice" || compared.length === 0),
    ...(isRefused ? [] : [notice(sum)]),
  ];
}

/**
 * How a stale reference, a changelog without one right section of the version, and a section without
 * content count.
 */
interface Weights {
  readonly stale: typeof error;
  readonly absent: typeof error;
  readonly hollow: typeof error;
  /** Whether the version is tagged, so that it may be withdrawn. */
  readonly tagged?: boolean;
}

const weights = {
  checked: { stale: error, absent: error, hollow: warning },
  /** Before a release: the changelog must name the version. */
  advised: { stale: warning, absent: error, hollow: warning },
  required: { stale: error, absent: error, hollow: error },
  /** In a tagged commit, which no longer changes. */
  history: { stale: warning, absent: warning, hollow: warning, tagged: true },
} satisfies Record<string, Weights>;

/** How much the references that no other check enforces count. */
export type Weight = keyof typeof weights;

/** Returns a check of the references that the operator maintains. */
export function checkOperatorReferences(weight: Weight) {
  return async (tree: Tree, version: Version, findLast?: FindLastRelease): Promise<Finding[]> => {
    const read = await readReferences(tree, applicationVersions(version));
    const { stale: complain } = weights[weight];
    const findings = operatorFindings(read, version, weights[weight]);
    const matching = findings.filter(({ level }) => level === "notice").length;
    const all = operatorDriven(read).length + read.faults.length;
    return [
      ...read.faults.map((fault) => complain(fault.message, fault)),
      ...findings.filter(({ level }) => level !== "notice"),
      ...(await compare(read, version, findLast)),
      notice(`${matching} of ${all} operator-driven references state ${version}`),
    ];
  };
}

function operatorDriven({ references }: References): readonly Reference[] {
  return references.filter(({ row }) => !row.enforced && row.follows !== "chart");
}

/**
 * Checks the references that no other check enforces, apart from those that state the version of a
 * workspace at another version: they are part of that one fault.
 */
function operatorFindings(read: References, version: Version, weight: Weights): Finding[] {
  const versions = applicationVersions(version);
  const other = otherVersion(read.workspace, version);
  const references = operatorDriven(read);
  const cannotTag = `Cannot tag ${layout.tagPrefix}${version}: `;
  return [
    ...judgeCounts(read, weight.stale),
    ...references
      .filter((each) => other === undefined || each.version !== other)
      .map((each) => {
        const { file, what, written, becomes, place: at } = each;
        const isWithdrawn = each.yanked === true && weight.tagged !== true;
        const stale = each.absent === true || isWithdrawn ? weight.absent : weight.stale;
        const opening = stale === error ? cannotTag : "Stale reference: ";
        return isStale(each, versions) || isWithdrawn
          ? stale(
              `${opening}${file} says ${what} ${shown(written)}, expected ${becomes(version)}`,
              { at, remedy: remedyFor(version, other, each) },
            )
          : notice(`${file}: ${what} -> ${shown(written)} (matches tag)`, { at });
      }),
    ...references
      .filter(({ again = [] }) => again.length > 0)
      .map(({ file, place: at, again = [] }) =>
        weight.absent(
          `${weight.absent === error ? cannotTag : ""}${file} has section [${version}] twice, expected it once`,
          { at, also: again.map((each) => each.at), remedy: "Merge the sections into one" },
        ),
      ),
    ...references
      .filter((each) => each.hollow !== undefined && !isStale(each, versions))
      .map(({ file, hollow = "", place: at }) =>
        weight.hollow(
          `${weight.hollow === error ? cannotTag : ""}${file} says nothing below ${shown(hollow)}`,
          { at, remedy: "Write what is new below it, and commit that" },
        ),
      ),
  ];
}

/**
 * Compares what a tree seems to lack with the last release: files in which a row finds nothing, and
 * places in a spelling that is not read.
 */
async function compare(
  { blind: without, few, unclear }: References,
  version: Version,
  findLast: FindLastRelease | undefined,
): Promise<Finding[]> {
  // A row with fewer references than it must have is an error already.
  const blind = without.filter(({ row }) => few.every((each) => each.row !== row));
  if (findLast === undefined || blind.length + unclear.length === 0) {
    return [];
  }
  const last = await findLast(version);
  if (last.why !== undefined) {
    return [notComparable(last.why)];
  }
  const { tag, tree } = last;
  const isItsVersion = new RegExp(`(?<![0-9.])${RegExp.escape(last.version)}$`);
  const rows = new Set(blind.map(({ row }) => row));
  const older =
    rows.size === 0
      ? []
      : (await readReferences(tree, applicationVersions(last.version), [...rows])).references;
  return [
    ...blind
      .filter(({ row, file }) =>
        older.some(
          (each) =>
            each.row === row &&
            each.version !== undefined &&
            (each.file === file || (row.atLeast !== undefined && row.where.includes(file))),
        ),
      )
      .map(({ row, file }) =>
        warning(`${file} no longer holds the reference that it held in ${tag}: ${row.name}`, {
          at: { file },
          remedy: `Restore it; if it is gone on purpose, go on: after this release nothing asks for it`,
        }),
      ),
    ...unclear
      .filter(({ text }) => isItsVersion.test(text))
      .map(({ row, at, clear }) =>
        warning(
          `${at.file} seems to state the version of ${tag} in a spelling that is not read: ${row.name}`,
          { at, remedy: `Look at the line: write ${clear}, or change it by hand` },
        ),
      ),
  ];
}

/** Returns the remedy for a stale reference: the bump, unless the bump refuses to change it. */
function remedyFor(version: Version, other: Version | undefined, { byHand }: Reference): string {
  return other !== undefined && compareVersions(other, version) > 0
    ? remedyForOther(other, version)
    : (byHand ??
        `Bring every reference along: bun scripts/bump-version.ts ${version} --allow-same`);
}

/** Returns a text of a file for a message, quoted if it has unusual characters. */
function shown(written: string): string {
  return /^[\w #.+:/@^=[\]()-]{1,120}$/.test(written) ? written : quote(written);
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
  options: { ref: refOption, verbose: verboseOption },
  refuses: [
    "the workspace, a crate or a pin on a sibling states another version (check-tag-version)",
    "a lock file, CI template, snippet or schema example states another version",
    "CHANGELOG.md has no ## [X.Y.Z] section with a real date, or two; [YANKED] needs the tag",
    "the chart's appVersion or the tag of a promised image is another version",
    "a place of references.own in scripts/layout.ts has fewer matches than its minimum",
    "a file that holds references cannot be read",
  ],
  example: "bun scripts/check-references.ts v1.2.3 --ref v1.2.3",
  async run({ operands, options, repository, report }) {
    const { version } = operands;
    const opened = await repository();
    let data: () => Json = () => ({});
    report.add(
      await judge(opened, options.ref, async (tree, commit, findLast) => {
        const { countMentions } = await import("./lib/git/mentions.ts");
        // The last release is compared and its version searched while the files are read.
        const mentions = attempt(() => countMentions(opened, version, { findLast, commit }));
        const read = await readReferences(tree, applicationVersions(version));
        data = () => dataOf(read, version);
        const tagged =
          read.references.some(({ yanked }) => yanked) &&
          (await taggedCommit(opened, version)) !== undefined;
        const findings = await judgeReferences(read, version, findLast, tagged);
        const isRefused = findings.some(({ level }) => level === "error");
        const { value = [], findings: unanswered = [] } = await mentions;
        findings.push(...(isRefused ? [] : [...value, ...unanswered]));
        const isHistory =
          commit !== undefined &&
          findings.some(({ level }) => level !== "notice") &&
          (await taggedCommit(opened, version)) === commit;
        const remedy = `${layout.tagPrefix}${version} is tagged, so this stays as it is: correct it in the next release`;
        return isHistory
          ? findings.map((each) => (each.remedy === undefined ? each : { ...each, remedy }))
          : findings;
      }),
    );
    report.attach(data);
  },
});

/** Returns the commit that is tagged as a version. */
async function taggedCommit(repository: Repository, version: Version) {
  const { findCommit } = await import("./lib/git/git.ts");
  return await findCommit(repository, `refs/tags/${layout.tagPrefix}${version}`);
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
