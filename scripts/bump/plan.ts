/** What a bump writes: every edit of every file, computed and proven before the first is written. */

import type { Day } from "../lib/calendar.ts";
import { withSection } from "../lib/files/changelog-release.ts";
import { editDocument, editText } from "../lib/files/edit.ts";
import {
  isStale,
  type Reference,
  type References,
  type Row,
  readReferences,
  table,
  type Versions,
} from "../lib/files/references.ts";
import { attempt, error, type Finding, Refusal, warning } from "../lib/finding.ts";
import type { Source, Tree } from "../lib/tree.ts";
import type { Version } from "../lib/version.ts";
import { editedTree } from "./edited-tree.ts";

/** A reference that moves. */
export interface Move {
  readonly line: number | undefined;
  readonly what: string;
  readonly from: string;
  readonly to: string;
}

/** A file that changes, with its texts. */
export interface FileEdit {
  readonly path: string;
  readonly before: string;
  readonly after: string;
  /** In the order of the file. */
  readonly moves: readonly Move[];
  /** What is left for the author to do. */
  readonly left: readonly Finding[];
}

/** All that a bump writes. */
export interface BumpPlan {
  /** In order of their paths; none if every reference states its version already. */
  readonly files: readonly FileEdit[];
  /** What is left for the author to do, in files that do not change, too. */
  readonly left: readonly Finding[];
  /** The tree with the edits carried out. */
  readonly result: Tree;
}

/**
 * Computes the edits that bring every reference to its version.
 *
 * @param date The day of the release.
 * @throws {Refusal} If a file that holds references cannot be read, or an edit cannot be proven to
 * change the intended values alone; with every fault.
 */
export async function planBump(tree: Tree, versions: Versions, date: Day): Promise<BumpPlan> {
  const read = await readReferences(tree, versions);
  refuseFaults([...read.workspace.faults, ...read.faults]);
  const movable = read.references.filter(({ site }) => site.kind !== "section");
  const stale = movable.filter((each) => isStale(each, versions));
  const byFile = [...Map.groupBy(stale, ({ file }) => file).values()];
  const sections = table.filter(({ section, follows }) => section && versions[follows]);
  const answers = await Promise.all([
    ...byFile.map((references) => attempt(async () => editReferences(references, versions))),
    ...sections.map((row) => attempt(() => editSection(tree, row, read, versions, date))),
  ]);
  refuseFaults(answers.flatMap(({ findings }) => findings ?? []));
  const edits = answers.flatMap(({ value }) => value ?? []);
  const files = edits
    .filter(({ before, after }) => before !== after)
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const result = editedTree(tree, new Map(files.map(({ path, after }) => [path, after])));
  refuseFaults(await faultsOfResult(result, movable, versions));
  return { files, left: edits.flatMap(({ left }) => left), result };
}

function refuseFaults(faults: readonly Finding[]): void {
  if (faults.length > 0) {
    throw new Refusal(faults);
  }
}

/** The version that a row's references are to state; the rows that are read follow one each. */
function targetOf({ follows, name }: Row, versions: Versions): Version {
  const target = versions[follows];
  if (target === undefined) {
    throw new TypeError(`row ${name} follows no version`);
  }
  return target;
}

/** What keeps the result from being the one intended: the table must find it all, as it should be. */
async function faultsOfResult(
  result: Tree,
  moved: readonly Reference[],
  versions: Versions,
): Promise<readonly Finding[]> {
  const { references, workspace, faults } = await readReferences(result, versions);
  const found = references.filter(({ site }) => site.kind !== "section");
  const nameOf = ({ row, file, what }: Reference) => `${row.name} of ${file}: ${what}`;
  const isSame =
    found.length === moved.length &&
    found.every((each, index) => moved[index] && nameOf(each) === nameOf(moved[index]));
  const wrong = found.find((each) => isStale(each, versions));
  const reason = wrong === undefined ? "other references than before" : nameOf(wrong);
  return [
    ...workspace.faults,
    ...faults,
    ...(isSame && wrong === undefined
      ? []
      : [error(`Cannot prove the edits: found ${reason}`, { remedy: "Bump the file by hand" })]),
  ];
}

// Values and texts

/** Edits the stale references of one file, which are all of one kind. */
function editReferences(references: readonly Reference[], versions: Versions): FileEdit[] {
  const moves = references.map(({ what, written, place, becomes, row }) => ({
    line: place().line,
    what,
    from: written,
    to: becomes(targetOf(row, versions)),
  }));
  const left = references.flatMap(({ caveat, place }) =>
    caveat === undefined ? [] : [warning(caveat.message, { ...caveat, at: place() })],
  );
  return edited(references, versions).map(({ source, after }) => ({
    path: source.path,
    before: source.text,
    after,
    moves: moves.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)),
    left,
  }));
}

function edited(
  references: readonly Reference[],
  versions: Versions,
): readonly { readonly source: Source; readonly after: string }[] {
  const values = references.flatMap(({ site, row }) =>
    site.kind === "value" ? [{ ...site, target: targetOf(row, versions) }] : [],
  );
  const texts = references.flatMap(({ site, row, becomes }) =>
    site.kind === "text" ? [{ ...site, to: becomes(targetOf(row, versions)) }] : [],
  );
  const [value] = values;
  if (value !== undefined) {
    const changes = values.map(({ change, target }) => change(target));
    return [{ source: value.document.source, after: editDocument(value.document, changes) }];
  }
  const [text] = texts;
  if (text === undefined) {
    return [];
  }
  const finders = [...new Set(texts.map(({ find }) => find))];
  const splices = texts.map(({ span, to }) => ({ offset: span.offset, from: span.text, to }));
  const findAll = (file: Source) =>
    finders.flatMap((find) => find(file)).sort((a, b) => a.offset - b.offset);
  return [{ source: text.source, after: editText(text.source, splices, findAll) }];
}

// Sections

async function editSection(
  tree: Tree,
  row: Row,
  { references }: References,
  versions: Versions,
  date: Day,
): Promise<FileEdit[]> {
  const source = await tree.read(row.where[0] ?? "");
  if (source === undefined || row.section === undefined) {
    return [];
  }
  const movesAppVersion = references.some(
    (reference) => reference.what === "appVersion" && isStale(reference, versions),
  );
  const edit = withSection(source, {
    version: targetOf(row, versions),
    date,
    mustHaveDate: row.section.date,
    otherwise:
      row.follows === "chart" && movesAppVersion
        ? ["### Changed", "", `- \`appVersion\` moves to \`${versions.appVersion}\`.`]
        : undefined,
  });
  const from = { moved: "[Unreleased]", added: "nothing", completed: "a part", kept: edit.title };
  return [
    {
      path: source.path,
      before: source.text,
      after: edit.text,
      moves: [{ line: edit.at.line, what: "section", from: from[edit.outcome], to: edit.title }],
      left: edit.left.map(({ message, ...details }) => warning(message, details)),
    },
  ];
}
