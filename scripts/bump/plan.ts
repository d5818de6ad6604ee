/**
 * Plans a bump: decides which versions it sets, and computes and proves all edits before the first
 * file is written.
 */

import type { Day } from "../lib/calendar.ts";
import { chartManifest } from "../lib/files/chart.ts";
import { editDocument, editText } from "../lib/files/edit.ts";
import {
  applicationVersions,
  isStale,
  judgeCounts,
  type Reference,
  type References,
  type Row,
  readReferences,
  table,
  type Versions,
} from "../lib/files/references.ts";
import { attempt, error, type Finding, type Place, Refusal, warning } from "../lib/finding.ts";
import { layout } from "../lib/layout.ts";
import { source, type Tree } from "../lib/tree.ts";
import { compareVersions, type Version } from "../lib/version.ts";
import { withSection } from "./section.ts";

// Versions

/** What the operator asked for. */
export interface BumpRequest {
  readonly version: Version;
  /** The chart's version, if it differs from `version`. */
  readonly chart: Version | undefined;
  /** Whether `version` is the chart's, and only it and the chart's changelog change. */
  readonly chartOnly: boolean;
  readonly date: Day;
  /** Whether the current version is accepted, to finish an interrupted bump. */
  readonly allowSame: boolean;
}

/** A version before the bump, and its place. */
interface StatedVersion {
  readonly value: Version;
  place(): Place;
}

/** The versions that a bump sets, and the application's version after it. */
export interface Targets {
  readonly versions: Versions;
  readonly application: Version;
}

/**
 * Returns the versions that a request sets, and the errors that refuse them.
 *
 * @param application The application's current version.
 * @param chart The chart's; undefined if there is no chart.
 */
export function findTargets(
  request: BumpRequest,
  application: StatedVersion,
  chart: StatedVersion | undefined,
): { readonly targets: Targets; readonly faults: readonly Finding[] } {
  const { version, chartOnly, allowSame, chart: named } = request;
  // A bump writes Cargo.toml before the chart: if it was interrupted after the chart, the workspace
  // has its version too.
  const isRerun = allowSame && (chartOnly || version === application.value);
  const isAhead = chart !== undefined && compareVersions(chart.value, version) > 0;
  const own = named ?? (isAhead && isRerun && !chartOnly ? chart.value : version);
  const isAsked = named !== undefined || chartOnly;
  const faults: Finding[] = [];
  if (!chartOnly) {
    const what = `to ${version}: found the workspace`;
    faults.push(...checkGreater(version, application, what, allowSame));
  }
  if (chart === undefined && isAsked) {
    faults.push(
      error(`Cannot bump the chart: there is no ${chartManifest(layout.chart)}`, {
        remedy:
          "Leave out --chart and --chart-only, or name the chart's folder in scripts/layout.ts",
      }),
    );
  }
  // A default that is not greater has the same cause.
  if (chart !== undefined && (isAsked || faults.length === 0)) {
    const isBehind = isAsked || compareVersions(chart.value, application.value) <= 0;
    // The chart may stand at the version already. A bump refuses it then if it is tagged.
    const isSameFine = isRerun || (!chartOnly && own === version);
    const what = `the chart to ${own}: found it`;
    faults.push(...checkGreater(own, chart, what, isSameFine, !isBehind));
  }
  const set = chartOnly
    ? { chart: own }
    : { ...applicationVersions(version), ...(chart && { chart: own }) };
  const after = chartOnly ? application.value : version;
  return { targets: { versions: set, application: after }, faults };
}

/**
 * Returns an error unless a version is greater than the current one.
 *
 * @param isSameFine Whether it may also be the current one.
 * @param isChartAhead Whether releases of the chart alone are the cause.
 */
function checkGreater(
  version: Version,
  { value, place }: StatedVersion,
  what: string,
  isSameFine: boolean,
  isChartAhead = false,
): Finding[] {
  const order = compareVersions(version, value);
  if (order > 0 || (isSameFine && order === 0)) {
    return [];
  }
  const finish = order === 0 ? ", or finish an interrupted bump with --allow-same" : "";
  const [why, or] = isChartAhead
    ? [", because of releases of the chart alone", ", or the chart's version with --chart A.B.C"]
    : ["", finish];
  return [
    error(`Cannot bump ${what} at ${value}${why}, expected a lower version`, {
      at: place,
      remedy: `Name a version greater than ${value}${or}`,
    }),
  ];
}

// Edits

/** A reference that a bump changes. */
export interface Move {
  readonly line: number | undefined;
  readonly what: string;
  readonly from: string;
  readonly to: string;
}

/** A file that a bump changes, with both texts. */
export interface FileEdit {
  readonly path: string;
  readonly before: string;
  readonly after: string;
  /** In the order of the file. */
  readonly moves: readonly Move[];
  /** Warnings about what the author must do by hand. */
  readonly left: readonly Finding[];
}

/** The edits of a bump. */
export interface BumpPlan {
  /** Ordered by path; empty if every reference states its version already. */
  readonly files: readonly FileEdit[];
  /** Warnings about what the author must do by hand, also in files that do not change. */
  readonly left: readonly Finding[];
  /** The tree with the edits, and its references. */
  readonly result: Tree;
  readonly references: References;
}

/**
 * Computes the edits that set every reference to its version.
 *
 * @param read The references of the tree that follow one of the versions.
 * @param date The day of the release.
 * @throws {Refusal} If a file with references cannot be read, or an edit cannot be proven to change
 * only the intended values. It holds all faults.
 */
export async function planBump(
  tree: Tree,
  read: References,
  versions: Versions,
  date: Day,
): Promise<BumpPlan> {
  const movable = movableOf(read);
  const stale = movable.filter((each) => isStale(each, versions));
  const sections = table.filter(({ section, follows }) => section && versions[follows]);
  const answers = await Promise.all([
    ...[...Map.groupBy(stale, ({ file }) => file).values()].map((references) =>
      attempt(async () => editReferences(references, versions)),
    ),
    ...sections.map((row) => attempt(() => editSection(tree, row, stale, versions, date))),
  ]);
  const unedited = answers.flatMap(({ findings }) => findings ?? []);
  refuseFaults([...read.workspace.faults, ...read.faults, ...judgeCounts(read), ...unedited]);
  const edits = answers.flatMap(({ value }) => value ?? []);
  const files = edits
    .filter(({ before, after }) => before !== after)
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const result = editedTree(tree, new Map(files.map(({ path, after }) => [path, after])));
  const references = await readReferences(result, versions);
  const found = movableOf(references);
  const isSame = found.map(nameOf).join("\n") === movable.map(nameOf).join("\n");
  const isProven = isSame && !found.some((each) => isStale(each, versions));
  const remedy = "Bump the file by hand";
  refuseFaults([
    ...references.workspace.faults,
    ...references.faults,
    ...(isProven
      ? []
      : [error("Cannot prove the edits: found other references than before", { remedy })]),
  ]);
  return { files, left: edits.flatMap(({ left }) => left), result, references };
}

function refuseFaults(faults: readonly Finding[]): void {
  if (faults.length > 0) {
    // A changelog that cannot be read is a fault of its references and of its edit.
    throw new Refusal([...new Map(faults.map((each) => [JSON.stringify(each), each])).values()]);
  }
}

/** Returns the tree that a bump will write: the given texts replace those of its files. */
function editedTree(tree: Tree, texts: ReadonlyMap<string, string>): Tree {
  return {
    async read(path, decoding) {
      const text = texts.get(path);
      return text === undefined ? await tree.read(path, decoding) : source(path, text);
    },
    list: tree.list,
  };
}

/** Returns the references that are edited one by one: all but the sections of changelogs. */
function movableOf({ references }: References): readonly Reference[] {
  return references.filter(({ site }) => site.kind !== "section");
}

/** Returns the version that the references of a row must state. Only rows that have one are read. */
function targetOf({ follows }: Row, versions: Versions): Version {
  return versions[follows] as Version;
}

/** Returns the name of a reference, without the version that it states. */
function nameOf({ row, file, what }: Reference): string {
  return `${row.name} of ${file}: ${what}`;
}

/** Returns the edit of one file: its stale references are values of a document or parts of a text. */
function editReferences(references: readonly Reference[], versions: Versions): FileEdit[] {
  const values = references.flatMap(({ site, row }) =>
    site.kind === "value" ? [{ ...site, target: targetOf(row, versions) }] : [],
  );
  const texts = references.flatMap(({ site, row, becomes }) =>
    site.kind === "text" ? [{ ...site, to: becomes(targetOf(row, versions)) }] : [],
  );
  const edited = values[0]?.document.source ?? texts[0]?.source;
  if (edited === undefined) {
    return [];
  }
  const moves = references.map(({ what, written, place, becomes, row }) => ({
    line: place().line,
    what,
    from: written,
    to: becomes(targetOf(row, versions)),
  }));
  const left = references.flatMap(({ caveat, place }) =>
    caveat === undefined ? [] : [warning(caveat.message, { ...caveat, at: place() })],
  );
  let after = values[0]
    ? editDocument(
        values[0].document,
        values.map(({ change, target }) => change(target)),
      )
    : edited.text;
  // One finder after the other, as two may find the same place, and a document moves what is in it.
  for (const [find, same] of Map.groupBy(texts, (each) => each.find)) {
    const nth = new Map(find(edited).map(({ offset }, index) => [offset, index]));
    const now = source(edited.path, after);
    const spans = find(now);
    const splices = same.flatMap(({ span, to }) => {
      const found = spans[nth.get(span.offset) ?? -1];
      return found === undefined ? [] : [{ offset: found.offset, from: found.text, to }];
    });
    after = editText(now, splices, find);
  }
  moves.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  return [{ path: edited.path, before: edited.text, after, moves, left }];
}

async function editSection(
  tree: Tree,
  row: Row,
  stale: readonly Reference[],
  versions: Versions,
  date: Day,
): Promise<FileEdit[]> {
  const [path] = row.where;
  const changelog = path && (await tree.read(path));
  if (!changelog || row.section === undefined) {
    return [];
  }
  const movesAppVersion = stale.some(({ what }) => what === "appVersion");
  const movesChart = stale.some(
    ({ row: { follows }, what }) => follows === "chart" && what === "version",
  );
  const { text, outcome, title, at, left } = withSection(changelog, {
    version: targetOf(row, versions),
    date,
    mustHaveDate: row.section.date,
    addsItem: !movesChart,
    otherwise:
      row.follows === "chart" && movesAppVersion
        ? ["### Changed", "", `- \`appVersion\` moves to \`${versions.appVersion}\`.`]
        : [],
  });
  const from = { moved: "[Unreleased]", added: "nothing", completed: "a part", kept: title };
  const moves = [{ line: at.line, what: "section", from: from[outcome], to: title }];
  return [{ path: changelog.path, before: changelog.text, after: text, moves, left }];
}
