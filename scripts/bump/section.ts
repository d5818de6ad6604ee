/**
 * Adds the section of a release to a changelog: the unreleased entries move below its heading, which has
 * the form and the line ends of the file.
 */

import { type Day, isDay } from "../lib/calendar.ts";
import {
  awaitsDate,
  type Changelog,
  dateByHand,
  datedHeading,
  findLineNaming,
  isUnreleased,
  readChangelog,
  type Section,
  sectionsOf,
} from "../lib/files/changelog.ts";
import { type Splice, spliced } from "../lib/files/edit.ts";
import { readLines } from "../lib/files/markdown.ts";
import { type Finding, LocatedSyntaxError, type Place, warning } from "../lib/finding.ts";
import { type Source, source as sourceOf } from "../lib/tree.ts";
import type { Version } from "../lib/version.ts";

/** The section that a release must have. */
export interface SectionRequest {
  readonly version: Version;
  readonly date: Day;
  /** Whether the heading must have the date. If not, it has one if the newest section does. */
  readonly mustHaveDate: boolean;
  /** The lines of the section if the author wrote none: a heading, an empty line and an item. */
  readonly otherwise: readonly string[];
  /** Whether a section with content gets the item, too, unless it names the `appVersion` already. */
  readonly addsItem?: boolean;
}

/** The changelog with the section. */
export interface SectionEdit {
  readonly text: string;
  /** What the edit did; `kept` means that the section was complete. */
  readonly outcome: "moved" | "added" | "completed" | "kept";
  /** The heading's text, such as `[1.3.0] - 2026-09-01`. */
  readonly title: string;
  /** The place of the heading. */
  readonly at: Place;
  /** Warnings about what the author must do by hand. */
  readonly left: readonly Finding[];
}

/**
 * Returns the changelog with the section of the release. A second call changes nothing.
 *
 * @throws {LocatedSyntaxError} If the changelog has one of the sections twice, if no heading of a release
 * is found, if the newest one is not in the form of the file, if the release's heading has text other
 * than a date in the date's place, or if the result does not read back as intended.
 */
export function withSection(source: Source, asked: SectionRequest): SectionEdit {
  const changelog = readChangelog(source);
  const request = { ...asked, otherwise: asked.otherwise.map((line) => lowered(changelog, line)) };
  const existing = only(changelog, sectionsOf(changelog, request.version));
  const unreleased = only(changelog, changelog.sections.filter(isUnreleased));
  const { splices, outcome } =
    existing === undefined
      ? newSection(changelog, request, unreleased)
      : completed(changelog, request, existing);
  const text = spliced(source.text, splices);
  const after = readChangelog(sourceOf(source.path, text));
  const [section, ...more] = sectionsOf(after, request.version);
  const rest = after.sections.filter(isUnreleased).filter(({ hasContent }) => hasContent);
  const isProven =
    section !== undefined &&
    more.length === 0 &&
    (!request.mustHaveDate || isDay(section.date ?? "")) &&
    titlesWithout(after, section) === titlesWithout(changelog, existing) &&
    (outcome !== "moved" || rest.length === 0);
  if (!isProven) {
    throw cannotEdit(changelog, "found headings that do not read back as intended", existing?.at);
  }
  const { title, heading, at, hasContent } = section;
  const { path } = source;
  const left = rest.map((each) =>
    warning(
      `${path} still has entries below ${each.heading}: the section ${heading} existed already`,
      { at: each.at, remedy: `Move the entries of the release below ${heading} by hand` },
    ),
  );
  if (!hasContent) {
    const remedy = "Write what is new below it, and commit that";
    left.unshift(warning(`${path} says nothing below ${heading}`, { at, remedy }));
  }
  return { text, outcome, title, at, left };
}

/**
 * Returns a line of a section. A sub-heading of level 3 gets the level below the section's heading, if that
 * has level 3 or a deeper one.
 */
function lowered({ heading }: Changelog, line: string): string {
  const marks = /^###+(?= )/.exec(heading("")[0]);
  return marks === null ? line : line.replace(/^###(?= )/, `${marks[0]}#`);
}

function titlesWithout({ sections }: Changelog, section: Section | undefined): string {
  return JSON.stringify(sections.filter((each) => each !== section).map(({ title }) => title));
}

/** @throws {LocatedSyntaxError} If there are several sections. */
function only(changelog: Changelog, sections: readonly Section[]): Section | undefined {
  const [first, second] = sections;
  if (second !== undefined) {
    const why = `found ${second.heading} again, expected it once`;
    throw cannotEdit(changelog, why, second.at, "Merge the sections into one", first && [first.at]);
  }
  return first;
}

function cannotEdit(
  { source }: Changelog,
  why: string,
  at = source.place(),
  remedy = "Edit it by hand",
  also?: readonly Place[],
): LocatedSyntaxError {
  return new LocatedSyntaxError(`Cannot edit ${source.path}: ${why}`, at, remedy, also);
}

type Edit = Pick<SectionEdit, "outcome"> & { readonly splices: readonly Splice[] };

const insertion = (offset: number, to: string): Splice => ({ offset, from: "", to });

/** Returns the edit that adds a missing date and missing text to an existing section. */
function completed(changelog: Changelog, request: SectionRequest, existing: Section): Edit {
  const { text } = changelog.source;
  const { version, date, mustHaveDate, otherwise, addsItem } = request;
  const splices: Splice[] = [];
  if (mustHaveDate && !isDay(existing.date ?? "")) {
    if (!awaitsDate(existing)) {
      const why = `found ${existing.heading}, expected ${datedHeading(changelog, version)}`;
      throw cannotEdit(changelog, why, existing.at, dateByHand(changelog, version));
    }
    const { start, title, label } = existing;
    const offset = text.indexOf(title, start);
    splices.push({ offset, from: title, to: label + changelog.withDate(date) });
  }
  const isShort = !existing.hasContent || (addsItem && !saysAppVersion(changelog, existing));
  if (otherwise.length > 0 && isShort) {
    splices.push(itemSplice(text, existing, otherwise));
  }
  return { splices, outcome: splices.length > 0 ? "completed" : "kept" };
}

function saysAppVersion(changelog: Changelog, section: Section): boolean {
  const line = findLineNaming(changelog, section, "appVersion");
  return line?.text.includes(section.version ?? "") === true;
}

/** Returns the splice that adds `lines` to a section, or their item below their heading if that is there. */
function itemSplice(text: string, { bodyStart, end }: Section, lines: readonly string[]): Splice {
  const own = readLines(text).find(
    ({ title, start }) =>
      title && start >= bodyStart && start < end && lines[0]?.endsWith(` ${title}`),
  );
  const at = own?.end ?? bodyStart;
  return insertion(at, below(text, at, own === undefined ? lines : lines.slice(-1)));
}

function newSection(
  changelog: Changelog,
  { version, date, mustHaveDate, otherwise }: SectionRequest,
  unreleased: Section | undefined,
): Edit {
  const { text } = changelog.source;
  const newest = changelog.sections.find((each) => each.version !== undefined);
  refuseMisspelled(changelog, version, newest);
  const dated = mustHaveDate || newest?.date !== undefined;
  const heading = changelog.heading(version, dated ? date : undefined);
  if (unreleased?.hasContent) {
    const at = unreleased.bodyStart;
    return { splices: [insertion(at, below(text, at, heading))], outcome: "moved" };
  }
  const lines = otherwise.length === 0 ? heading : [...heading, "", ...otherwise];
  const before = unreleased === undefined ? newest?.start : undefined;
  const at = before ?? unreleased?.bodyStart;
  if (at === undefined) {
    const wanted = changelog.heading(version, dated ? "YYYY-MM-DD" : undefined)[0];
    const why = `found no heading of a release, expected one such as ${wanted}`;
    throw cannotEdit(
      changelog,
      why,
      undefined,
      "Write the heading by hand, and below it what is new",
    );
  }
  const added = below(text, at, before === undefined ? lines : [...lines, ""]);
  return { splices: [insertion(at, added)], outcome: "added" };
}

/**
 * Refuses a misspelled heading of the release, or one above the newest section: its text would be read as
 * a part of another section.
 *
 * @throws {LocatedSyntaxError} If there is one.
 */
function refuseMisspelled(changelog: Changelog, version: Version, newest: Section | undefined) {
  const found = changelog.misspelled.find(
    (each) => each.version === version || each.start < (newest?.start ?? each.start + 1),
  );
  if (found !== undefined) {
    const wanted = changelog.heading(found.version ?? "A.B.C", found.date)[0];
    const only = newest === undefined ? "no heading of a release, only " : "";
    const why = `found ${only}${found.heading}, expected ${wanted}`;
    throw cannotEdit(changelog, why, found.at, `Write the heading as ${wanted}`);
  }
}

/** Returns the text that inserts lines at an offset, after a blank line and with line ends. */
function below(text: string, offset: number, lines: readonly string[]): string {
  const eol = lineEnd(text, offset);
  const before = text.slice(0, offset);
  const opening = before === "" || before.endsWith(eol + eol) ? "" : eol;
  const ending = before === "" || before.endsWith(eol) ? "" : eol;
  return ending + opening + lines.map((line) => line + eol).join("");
}

/** Returns the line end before an offset, else the first one in the text. */
function lineEnd(text: string, offset: number): string {
  return /(\r\n|\n|\r)$/.exec(text.slice(0, offset))?.[1] ?? /\r\n|\n|\r/.exec(text)?.[0] ?? "\n";
}
