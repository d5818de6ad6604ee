/**
 * The table of version references: every place that states the version of a release. The check and
 * the bump both use it, so that they cannot disagree.
 */

import { attempt, error, type Finding, refusal } from "../finding.ts";
import { has, layout } from "../layout.ts";
import type { OwnPlace } from "../layout-merge.ts";
import type { Source, Tree } from "../tree.ts";
import { isPrerelease, type Version } from "../version.ts";
import { readWorkspace, type Workspace } from "./cargo.ts";
import { type Chart, chartFrom, chartManifest } from "./chart.ts";
import { type ProductImages, readProductImages } from "./chart-images.ts";
import {
  chartValue,
  constantsIn,
  type Found,
  type FoundInText,
  lockedIn,
  mentionsIn,
  patternFinder,
  pinIn,
  promisedTags,
  releaseUrls,
  sectionIn,
  statedIn,
  type Unclear,
} from "./reference-finders.ts";

/**
 * The version that a reference follows. `final` is that of the newest final release: users copy
 * such a reference, so a prerelease leaves it unchanged. A chart's version may be ahead.
 */
export type Followed = "application" | "final" | "appVersion" | "chart";

/** The expected versions. A row is read only if its version is given. */
export type Versions = { readonly [kind in Followed]?: Version };

/**
 * Returns the expected versions of an application release, which has no version for the chart. A
 * prerelease moves only the manifests and the lock files.
 */
export function applicationVersions(version: Version): Versions {
  return isPrerelease(version)
    ? { application: version }
    : { application: version, final: version, appVersion: version };
}

/** One kind of reference. */
export interface Row {
  readonly name: string;
  /** Its files, as paths or globs. */
  readonly where: readonly string[];
  readonly follows: Followed;
  /** Whether another check refuses a stale one; otherwise the operator is responsible for it. */
  readonly enforced: boolean;
  /** The smallest number of references in all files; default: none. */
  readonly atLeast?: number;
  /** For a row that finds a section: whether the section must have a date. */
  readonly section?: { readonly date: boolean };
  /** Returns the references in the workspace. */
  readonly inWorkspace?: (workspace: Workspace) => readonly Found[];
  /** Returns the references in the chart's manifest. */
  readonly inChart?: (
    chart: Chart,
    images: () => Promise<ProductImages>,
  ) => readonly Found[] | Promise<readonly Found[]>;
  /** Returns the references in an existing file of the row. */
  readonly inFile?: (file: Source, reading: Reading) => readonly Found[] | FoundInText;
  /** Reads a file; undefined if it can have no reference. The default reads any file. */
  readonly read?: (path: string, reading: Reading) => Promise<Source | undefined>;
}

/** An existing file of a row, with its references or the reasons why it cannot be read. */
interface InFile extends Partial<FoundInText> {
  readonly file: string;
  readonly found: readonly Found[];
  readonly faults?: readonly Finding[];
}

/** A place that states a version. */
export interface Reference extends Found {
  readonly row: Row;
}

/** The input of the rows. It reads each file once. */
interface Reading {
  readonly tree: Tree;
  readonly workspace: Workspace;
  readonly versions: Versions;
  source(path: string): Promise<Source | undefined>;
  /** Returns the chart; undefined if there is none. */
  chart(): Promise<Chart | undefined>;
}

/** The references of a tree, and the reasons why others may be missing. */
export interface References {
  readonly tree: Tree;
  /** In the order of the table, the files, and the positions. */
  readonly references: readonly Reference[];
  /**
   * Existing files in which a row that is not enforced finds no reference; for a row with a minimum and
   * no reference at all, its glob.
   */
  readonly blind: readonly { readonly row: Row; readonly file: string }[];
  /** Rows with fewer references than they must have, and how many they have. */
  readonly few: readonly { readonly row: Row; readonly count: number }[];
  /** Places that seem to hold a reference that can be neither checked nor edited. */
  readonly unclear: readonly (Unclear & { readonly row: Row })[];
  readonly workspace: Workspace;
  /** What could not be read, apart from the faults of the workspace. */
  readonly faults: readonly Finding[];
}

/**
 * Reads the references of a tree that follow one of the given versions. In a changelog it reads the
 * section of that version.
 *
 * @param kinds The rows to read; default: all.
 */
export async function readReferences(
  tree: Tree,
  versions: Versions,
  kinds: readonly Row[] = table,
): Promise<References> {
  const reading = await startReading(tree, versions);
  const rows = kinds.filter(({ follows }) => versions[follows] !== undefined);
  const answers = await Promise.all(
    rows.map(async (row) => ({ row, ...(await attempt(() => findIn(row, reading))) })),
  );
  const faults = answers.flatMap(
    ({ value, findings }) => findings ?? value.flatMap((each) => each.faults ?? []),
  );
  const files = answers.flatMap(({ row, value = [] }) => value.map((each) => ({ row, ...each })));
  const references = files.flatMap(({ row, found }) => found.map((each) => ({ ...each, row })));
  const without = files.filter(({ found, faults }) => found.length === 0 && !faults);
  const counts = rows
    .filter(
      (row) => row.atLeast !== undefined && !files.some((each) => each.row === row && each.faults),
    )
    .map((row) => ({ row, count: references.filter((each) => each.row === row).length }));
  const gone = counts.filter(({ count }) => count === 0).map(({ row }) => row);
  return {
    tree,
    references,
    blind: [
      ...without.filter(({ row }) => !row.enforced && !gone.includes(row)),
      ...gone.flatMap((row) => row.where.map((file) => ({ row, file }))),
    ],
    few: counts.filter(({ row, count }) => count < (row.atLeast ?? 0)),
    unclear: files.flatMap(({ row, unclear = [] }) => unclear.map((each) => ({ ...each, row }))),
    workspace: reading.workspace,
    // Rows that read the same file have the same faults.
    faults: [...new Map(faults.map((each) => [JSON.stringify(each), each])).values()],
  };
}

/** Reports whether a reference neither states the expected version nor suits it. */
export function isStale({ row, version, suits }: Reference, versions: Versions): boolean {
  const expected = versions[row.follows];
  return version !== expected && !(expected && suits?.(expected));
}

/** Returns a finding for each row with fewer references than it must have; default: an error. */
export function judgeCounts({ few }: References, complain: typeof error = error): Finding[] {
  return few.map(({ row: { name, where, atLeast }, count }) =>
    complain(`Cannot find ${name} in ${where}: found ${count}, expected at least ${atLeast}`, {
      remedy: "Restore it, or correct references.own in scripts/layout.ts",
    }),
  );
}

async function startReading(tree: Tree, versions: Versions): Promise<Reading> {
  const sources = new Map<string, Promise<Source | undefined>>();
  let chart: Promise<Chart | undefined> | undefined;
  function source(path: string): Promise<Source | undefined> {
    const known = sources.get(path) ?? tree.read(path);
    sources.set(path, known);
    return known;
  }
  return {
    tree,
    workspace: await readWorkspace(tree),
    versions,
    source,
    chart() {
      chart ??= source(manifest).then((found) =>
        found ? chartFrom(found) : refuseOtherChart(tree),
      );
      return chart;
    },
  };
}

/**
 * Refuses a tree without the chart of the layout, if it has one in another folder.
 *
 * @throws {Refusal} If it has.
 */
export async function refuseOtherChart(tree: Tree): Promise<undefined> {
  const others = has.chart ? await tree.list("charts/*/Chart.yaml") : [];
  if (others.length > 0) {
    const found = `which has no Chart.yaml; found ${others.join(" and ")}`;
    throw refusal(`Cannot read the chart: the layout names ${layout.chart}, ${found}`, {
      at: { file: others[0] as string },
      remedy: "Set chart in scripts/layout.ts to its folder, or to undefined if it is not released",
    });
  }
}

/** Returns the existing files of a row, each with its references. */
async function findIn(row: Row, reading: Reading): Promise<readonly InFile[]> {
  const { inWorkspace, inChart, inFile, read = (path) => reading.source(path) } = row;
  if (inWorkspace !== undefined) {
    const groups = Map.groupBy(inWorkspace(reading.workspace), ({ file }) => file);
    return [...groups].map(([file, found]) => ({ file, found }));
  }
  if (inChart !== undefined) {
    const chart = await reading.chart();
    const images = () => readProductImages(reading.tree, layout.chart);
    return chart === undefined ? [] : [{ file: manifest, found: await inChart(chart, images) }];
  }
  const listed = await Promise.all(row.where.map((glob) => reading.tree.list(glob)));
  const answers = await Promise.all(
    listed.flat().map(async (file): Promise<readonly InFile[]> => {
      // A file that cannot be read hides no other.
      const { value, findings } = await attempt(async () => {
        const source = await read(file, reading);
        return source && inFile?.(source, reading);
      });
      return findings !== undefined
        ? [{ file, found: [], faults: findings }]
        : value === undefined
          ? []
          : [{ file, ...("found" in value ? value : { found: value }) }];
    }),
  );
  return answers.flat();
}

/** Reads a CI template; undefined for other files in the folder, such as prose and pictures. */
async function readTemplate(path: string, { tree, source }: Reading): Promise<Source | undefined> {
  const readable = /\.(?:md|markdown)$/i.test(path)
    ? undefined
    : await tree.read(path, { lenient: true });
  const isText = readable?.text.includes("\ufffd") === false;
  if (readable === undefined || (!isText && constantsIn(readable).found.length === 0)) {
    return undefined;
  }
  // What sets the constant must be UTF-8: reading it strictly refuses it otherwise.
  const template = isText ? readable : await source(path);
  if (template !== undefined && /\.ya?ml$/i.test(path)) {
    (await import("./unreadable.ts")).refuseLineBreaks(template);
  }
  return template;
}

/** Returns the crates whose version is the workspace's, even if they are not released. */
function movingCrates({ crates, unreleased }: Workspace) {
  return [...crates, ...unreleased.filter(({ inherits }) => inherits)];
}

// The table

const { references: paths } = layout;
const manifest = chartManifest(layout.chart);
const chartLog = layout.chartChangelog && `${layout.chart}/${layout.chartChangelog}`;

const rows: readonly Row[] = [
  {
    name: "workspace version",
    where: [layout.workspaceManifest],
    follows: "application",
    enforced: true,
    inWorkspace: ({ shared }) => (shared ? statedIn(shared) : []),
  },
  {
    name: "version of a crate",
    where: [layout.crateManifests],
    follows: "application",
    enforced: true,
    inWorkspace: ({ crates }) =>
      crates.filter(({ inherits }) => !inherits).flatMap(({ version }) => statedIn(version)),
  },
  {
    name: "pin on a sibling crate",
    where: [layout.workspaceManifest, layout.crateManifests],
    follows: "application",
    enforced: true,
    inWorkspace: ({ pins }) => pins.flatMap(pinIn),
  },
  {
    name: "locked workspace package",
    where: paths.lockFiles ?? [],
    follows: "application",
    enforced: false,
    inFile: (file, { workspace }) =>
      lockedIn(file, new Set(movingCrates(workspace).map(({ name }) => name))),
  },
  {
    name: `${paths.versionConstant} of a CI template`,
    where: [paths.ciTemplates ?? []].flat(),
    follows: "final",
    enforced: false,
    inFile: (file) => constantsIn(file),
    read: readTemplate,
  },
  {
    name: `${paths.versionConstant} in a snippet`,
    where: paths.ciGuides ?? [],
    follows: "final",
    enforced: false,
    inFile: (file) => constantsIn(file, "code"),
  },
  {
    name: `${layout.product}@${layout.tagPrefix}X.Y.Z`,
    where: paths.ciGuides ?? [],
    follows: "final",
    enforced: false,
    inFile: mentionsIn,
  },
  {
    name: `${paths.releaseUrlField} of a schema example`,
    where: [paths.schemaExamples ?? []].flat(),
    follows: "final",
    enforced: false,
    inFile: releaseUrls,
  },
  {
    name: "changelog section with a date",
    where: [layout.changelog],
    follows: "final",
    enforced: false,
    section: { date: true },
    inFile: (file, { versions: { final } }) => (final ? sectionIn(file, final, true) : []),
  },
  {
    name: "chart version",
    where: [manifest],
    follows: "chart",
    enforced: true,
    inChart: ({ document }) => [chartValue(document, "version")],
  },
  {
    name: "appVersion",
    where: [manifest],
    follows: "appVersion",
    enforced: false,
    inChart: ({ appVersion, document }) =>
      appVersion === undefined ? [] : [chartValue(document, "appVersion")],
  },
  {
    name: `image in ${layout.imagesAnnotation}`,
    where: [manifest],
    follows: "appVersion",
    enforced: false,
    inChart: async (_, images) => promisedTags(await images()),
  },
  {
    name: "chart changelog section with content",
    where: chartLog ? [chartLog] : [],
    follows: "chart",
    enforced: true,
    section: { date: false },
    inFile: (file, { versions: { chart } }) => (chart ? sectionIn(file, chart, false) : []),
  },
];

/** Returns the row of a fork's own place. A changelog is none: it tells of other releases. */
export function ownRow({ files, pattern, atLeast, follows }: OwnPlace): Row {
  const find = patternFinder(pattern);
  return {
    name: pattern,
    where: [files],
    follows,
    enforced: false,
    atLeast,
    read: async (path, { source }) =>
      path === layout.changelog || path === chartLog ? undefined : await source(path),
    inFile: (file, { versions }) => find(file, versions[follows]),
  };
}

/** Every kind of reference that the layout has, in the order of PROCEDURE steps 2 and 3. */
export const table = [...rows, ...paths.own.map(ownRow)].filter(
  ({ where, follows, inChart }) =>
    where.length > 0 && (has.chart || (inChart === undefined && follows !== "chart")),
);
