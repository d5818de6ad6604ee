/**
 * The table of version references: every place that states the version of a release. The check and
 * the bump both use it, so that they cannot disagree.
 */

import { isDay } from "../calendar.ts";
import { attempt, type Finding } from "../finding.ts";
import { layout } from "../layout.ts";
import type { Source, Tree } from "../tree.ts";
import type { Version } from "../version.ts";
import { readWorkspace, type Workspace } from "./cargo.ts";
import { awaitsDate, dateByHand } from "./changelog.ts";
import { chartManifest } from "./chart.ts";
import { type ProductImages, readProductImages } from "./chart-images.ts";
import {
  chartValue,
  constantsIn,
  type Found,
  lockedIn,
  mentionsIn,
  promisedTags,
  releaseUrls,
  sectionIn,
  statedIn,
  type Unclear,
} from "./reference-finders.ts";

/** The version that a reference follows. A chart's version may be ahead of the application's. */
export type Followed = "application" | "appVersion" | "chart";

/** The expected versions. A row is read only if its version is given. */
export type Versions = { readonly [kind in Followed]?: Version };

/** Returns the expected versions of an application release, which has no version for the chart. */
export function applicationVersions(version: Version): Versions {
  return { application: version, appVersion: version };
}

/** One kind of reference. */
export interface Row {
  readonly name: string;
  /** Its files, as paths or globs. */
  readonly where: readonly string[];
  readonly follows: Followed;
  /** Whether another check refuses a stale one; otherwise the operator is responsible for it. */
  readonly enforced: boolean;
  /** For a row that finds a section: whether the section must have a date. */
  readonly section?: { readonly date: boolean };
  /** Returns the existing files, each with its references. */
  find(reading: Reading): Promise<readonly InFile[]>;
}

interface InFile {
  readonly file: string;
  readonly found: readonly Found[];
  /** Places that seem to hold a reference that can be neither checked nor edited. */
  readonly unclear?: readonly Unclear[];
  /** Why it cannot be read. */
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
  /** Returns the images of the chart; undefined if there is no chart. */
  images(): Promise<ProductImages | undefined>;
}

/** The references of a tree, and the reasons why others may be missing. */
export interface References {
  /** In the order of the table, the files, and the positions. */
  readonly references: readonly Reference[];
  /** Existing files in which a row that is not enforced finds no reference. */
  readonly blind: readonly { readonly row: Row; readonly file: string }[];
  /** Places that seem to hold a reference that can be neither checked nor edited. */
  readonly unclear: readonly (Unclear & { readonly row: Row })[];
  readonly workspace: Workspace;
  /** What could not be read, apart from the faults of the workspace. */
  readonly faults: readonly Finding[];
}

/**
 * Reads the references of a tree that follow one of the given versions. In a changelog it reads the
 * section of that version.
 */
export async function readReferences(tree: Tree, versions: Versions): Promise<References> {
  const reading = await startReading(tree, versions);
  const rows = table.filter(({ follows }) => versions[follows] !== undefined);
  const answers = await Promise.all(
    rows.map(async (row) => ({ row, ...(await attempt(() => row.find(reading))) })),
  );
  const faults = answers.flatMap(
    ({ value, findings }) => findings ?? value.flatMap((each) => each.faults ?? []),
  );
  return {
    references: answers.flatMap(({ row, value }) =>
      (value ?? []).flatMap(({ found }) => found.map((each) => ({ ...each, row }))),
    ),
    blind: answers.flatMap(({ row, value }) =>
      (value ?? [])
        .filter(({ found, faults }) => found.length === 0 && !faults && !row.enforced)
        .map(({ file }) => ({ row, file })),
    ),
    unclear: answers.flatMap(({ row, value }) =>
      (value ?? []).flatMap(({ unclear = [] }) => unclear.map((each) => ({ ...each, row }))),
    ),
    workspace: reading.workspace,
    // Rows that read the same file have the same faults.
    faults: [...new Map(faults.map((each) => [JSON.stringify(each), each])).values()],
  };
}

/** Reports whether a reference does not state the expected version. */
export function isStale({ row, version }: Reference, versions: Versions): boolean {
  return version !== versions[row.follows];
}

async function startReading(tree: Tree, versions: Versions): Promise<Reading> {
  const sources = new Map<string, Promise<Source | undefined>>();
  let images: Promise<ProductImages | undefined> | undefined;
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
    images() {
      images ??= source(chartManifest(layout.chart)).then((manifest) =>
        manifest === undefined ? undefined : readProductImages(tree, layout.chart),
      );
      return images;
    },
  };
}

// The table

const { references: paths } = layout;
const manifest = chartManifest(layout.chart);

/** Every kind of reference, in the order of PROCEDURE steps 2 and 3. */
export const table: readonly Row[] = [
  {
    name: "workspace version",
    where: [layout.workspaceManifest],
    follows: "application",
    enforced: true,
    find: async ({ workspace: { version } }) => byFile(version ? statedIn(version) : []),
  },
  {
    name: "version of a crate",
    where: [layout.crateManifests],
    follows: "application",
    enforced: true,
    find: async ({ workspace: { crates } }) =>
      byFile(
        crates.filter(({ inherits }) => !inherits).flatMap((crate) => statedIn(crate.version)),
      ),
  },
  {
    name: "pin on a sibling crate",
    where: [layout.workspaceManifest, layout.crateManifests],
    follows: "application",
    enforced: true,
    find: async ({ workspace: { pins } }) =>
      byFile(pins.flatMap((pin) => statedIn(pin.requirement, pin.sibling))),
  },
  {
    name: "locked workspace package",
    where: paths.lockFiles,
    follows: "application",
    enforced: false,
    find: inFiles(paths.lockFiles, (file, { workspace }) =>
      lockedIn(file, new Set(workspace.crates.map(({ name }) => name))),
    ),
  },
  {
    name: `${paths.versionConstant} of a CI template`,
    where: [paths.ciTemplates],
    follows: "application",
    enforced: false,
    find: inTemplates,
  },
  {
    name: `${paths.versionConstant} in a snippet`,
    where: paths.ciGuides,
    follows: "application",
    enforced: false,
    find: inFiles(paths.ciGuides, (file) => constantsIn(file, "code")),
  },
  {
    name: `${layout.product}@${layout.tagPrefix}X.Y.Z`,
    where: paths.ciGuides,
    follows: "application",
    enforced: false,
    find: inFiles(paths.ciGuides, mentionsIn),
  },
  {
    name: `${paths.releaseUrlField} of a schema example`,
    where: [paths.schemaExamples],
    follows: "application",
    enforced: false,
    find: inFiles([paths.schemaExamples], releaseUrls),
  },
  {
    name: "changelog section with a date",
    where: [layout.changelog],
    follows: "application",
    enforced: false,
    section: { date: true },
    find: inFiles([layout.changelog], (file, { versions }) =>
      sectionIn(file, versions.application, {
        needs: "the date of the release",
        isWhole: ({ date = "" }) => isDay(date),
        byHand: (each, version) => (awaitsDate(each) ? undefined : dateByHand(version)),
      }),
    ),
  },
  {
    name: "chart version",
    where: [manifest],
    follows: "chart",
    enforced: true,
    find: inChart(({ chart }) => [chartValue(chart.document, "version")]),
  },
  {
    name: "appVersion",
    where: [manifest],
    follows: "appVersion",
    enforced: false,
    find: inChart(({ chart }) =>
      chart.appVersion === undefined ? [] : [chartValue(chart.document, "appVersion")],
    ),
  },
  {
    name: `image in ${layout.imagesAnnotation}`,
    where: [manifest],
    follows: "appVersion",
    enforced: false,
    find: inChart(promisedTags),
  },
  {
    name: "chart changelog section with content",
    where: [`${layout.chart}/CHANGELOG.md`],
    follows: "chart",
    enforced: true,
    section: { date: false },
    find: inFiles([`${layout.chart}/CHANGELOG.md`], (file, { versions }) =>
      sectionIn(file, versions.chart, {
        needs: "what has changed",
        isWhole: ({ hasContent }) => hasContent,
      }),
    ),
  },
];

// Finding

function byFile(found: readonly Found[]): readonly InFile[] {
  const groups = Map.groupBy(found, ({ file }) => file);
  return [...groups].map(([file, inside]) => ({ file, found: inside }));
}

/** Reads each file by itself: one that cannot be read hides no other. */
async function inEach(
  files: readonly string[],
  find: (path: string) => Promise<Omit<InFile, "file"> | undefined>,
): Promise<readonly InFile[]> {
  const answers = await Promise.all(
    files.map(async (file) => {
      const { value, findings } = await attempt(() => find(file));
      const inside = findings === undefined ? value : { found: [], faults: findings };
      return inside === undefined ? [] : [{ file, ...inside }];
    }),
  );
  return answers.flat();
}

/** Reads each file that a row names and that is there. */
function inFiles(
  where: readonly string[],
  find: (file: Source, reading: Reading) => readonly Found[] | Omit<InFile, "file">,
): Row["find"] {
  return async (reading) => {
    const listed = await Promise.all(where.map((glob) => reading.tree.list(glob)));
    return inEach(listed.flat(), async (path) => {
      const file = await reading.source(path);
      const found = file && find(file, reading);
      return found === undefined || "found" in found ? found : { found };
    });
  };
}

/** Finds references in the templates. Their folder may also contain prose and pictures. */
async function inTemplates({ tree, source }: Reading): Promise<readonly InFile[]> {
  const listed = await tree.list(paths.ciTemplates);
  const templates = listed.filter((path) => !/\.(?:md|markdown)$/i.test(path));
  return inEach(templates, async (path) => {
    const readable = await tree.read(path, { lenient: true });
    const isText = readable?.text.includes("\ufffd") === false;
    // What sets the constant must be UTF-8: reading it strictly refuses it otherwise.
    const isOurs = isText || (readable && constantsIn(readable).found.length > 0);
    const file = isText ? readable : isOurs ? await source(path) : undefined;
    if (file !== undefined && /\.ya?ml$/i.test(path)) {
      (await import("./unreadable.ts")).refuseLineBreaks(file);
    }
    return file && constantsIn(file);
  });
}

function inChart(find: (images: ProductImages) => readonly Found[]): Row["find"] {
  return async (reading) => {
    const images = await reading.images();
    return images === undefined ? [] : [{ file: manifest, found: find(images) }];
  };
}
