/** Plans a bump: computes and proves all edits before the first file is written. */

import type { Day } from "../lib/calendar.ts";
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
import { withSection } from "./section.ts";

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
  refuseFaults([...read.workspace.faults, ...read.faults, ...unedited]);
  const edits = answers.flatMap(({ value }) => value ?? []);
  const files = edits
    .filter(({ before, after }) => before !== after)
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const result = editedTree(tree, new Map(files.map(({ path, after }) => [path, after])));
  const references = await readReferences(result, versions);
  refuseFaults(faultsOfResult(references, movable, versions));
  return { files, left: edits.flatMap(({ left }) => left), result, references };
}

function refuseFaults(faults: readonly Finding[]): void {
  if (faults.length > 0) {
    // A changelog that cannot be read is a fault of its references and of its edit.
    throw new Refusal([...new Map(faults.map((each) => [JSON.stringify(each), each])).values()]);
  }
}

/** Returns the references that are edited one by one: all but the sections of changelogs. */
function movableOf({ references }: References): readonly Reference[] {
  return references.filter(({ site }) => site.kind !== "section");
}

/** Returns the version that the references of a row must state. */
function targetOf({ follows, name }: Row, versions: Versions): Version {
  const target = versions[follows];
  if (target === undefined) {
    throw new TypeError(`row ${name} follows no version`);
  }
  return target;
}

/** Returns an error unless the result has the same references, each with its version. */
function faultsOfResult(
  read: References,
  moved: readonly Reference[],
  versions: Versions,
): readonly Finding[] {
  const nameOf = ({ row, file, what }: Reference) => `${row.name} of ${file}: ${what}`;
  const found = movableOf(read);
  const wrong = found.find((each) => isStale(each, versions));
  const isSame = found.map(nameOf).join("\n") === moved.map(nameOf).join("\n");
  const reason = wrong === undefined ? "other references than before" : nameOf(wrong);
  return [
    ...read.workspace.faults,
    ...read.faults,
    ...(isSame && wrong === undefined
      ? []
      : [error(`Cannot prove the edits: found ${reason}`, { remedy: "Bump the file by hand" })]),
  ];
}

/** Returns the edit of one file: its stale references are values of a document or parts of a text. */
function editReferences(references: readonly Reference[], versions: Versions): FileEdit[] {
  const values = references.flatMap(({ site, row }) =>
    site.kind === "value" ? [{ ...site, target: targetOf(row, versions) }] : [],
  );
  const texts = references.flatMap(({ site, row, becomes }) =>
    site.kind === "text" ? [{ ...site, to: becomes(targetOf(row, versions)) }] : [],
  );
  const source = values[0]?.document.source ?? texts[0]?.source;
  if (source === undefined) {
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
  const finders = [...new Set(texts.map(({ find }) => find))];
  const findAll = (file: Source) =>
    finders.flatMap((find) => find(file)).sort((a, b) => a.offset - b.offset);
  const splices = texts.map(({ span, to }) => ({ offset: span.offset, from: span.text, to }));
  const after = values[0]
    ? editDocument(
        values[0].document,
        values.map(({ change, target }) => change(target)),
      )
    : editText(source, splices, findAll);
  moves.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  return [{ path: source.path, before: source.text, after, moves, left }];
}

async function editSection(
  tree: Tree,
  row: Row,
  stale: readonly Reference[],
  versions: Versions,
  date: Day,
): Promise<FileEdit[]> {
  const source = await tree.read(row.where[0] ?? "");
  if (source === undefined || row.section === undefined) {
    return [];
  }
  const movesAppVersion = stale.some(({ what }) => what === "appVersion");
  const { text, outcome, title, at, left } = withSection(source, {
    version: targetOf(row, versions),
    date,
    mustHaveDate: row.section.date,
    otherwise:
      row.follows === "chart" && movesAppVersion
        ? ["### Changed", "", `- \`appVersion\` moves to \`${versions.appVersion}\`.`]
        : [],
  });
  const from = { moved: "[Unreleased]", added: "nothing", completed: "a part", kept: title };
  const moves = [{ line: at.line, what: "section", from: from[outcome], to: title }];
  return [{ path: source.path, before: source.text, after: text, moves, left }];
}
