/**
 * Gives a release its section in a changelog: what is unreleased moves below the release's heading,
 * in the form that the file's own headings and line ends have.
 */

import { type Day, isDay } from "../calendar.ts";
import { LocatedSyntaxError, type Place } from "../finding.ts";
import { type Source, source as sourceOf } from "../tree.ts";
import type { Version } from "../version.ts";
import {
  awaitsDate,
  type Changelog,
  dateByHand,
  datedHeading,
  isUnreleased,
  readChangelog,
  type Section,
  sectionsOf,
} from "./changelog.ts";
import { type Splice, spliced } from "./edit.ts";
import { codeBlocks } from "./markdown.ts";

/** The section that a release is to have. */
export interface SectionRequest {
  readonly version: Version;
  readonly date: Day;
  /** Whether the heading must have the date; if not, it has one where the newest section has. */
  readonly mustHaveDate: boolean;
  /** What the section says where nothing was written for it, line by line; undefined for nothing. */
  readonly otherwise: readonly string[] | undefined;
}

/** A changelog with the section. */
export interface SectionEdit {
  readonly text: string;
  /** What became of the section; `kept` if it was there and whole. */
  readonly outcome: "moved" | "added" | "completed" | "kept";
  /** The heading's text, such as `[1.3.0] - 2026-09-01`. */
  readonly title: string;
  /** The place of the heading. */
  readonly at: Place;
  /** What is left for the author to do: each is a whole sentence without a full stop. */
  readonly left: readonly {
    readonly message: string;
    readonly remedy: string;
    readonly at: Place;
  }[];
}

/**
 * Gives a release its section. Done twice, it changes nothing more.
 *
 * @throws {LocatedSyntaxError} If the changelog has one of the sections twice, if its heading of the
 * release says something else in the place of a date, or if it does not read back as intended.
 */
export function withSection(source: Source, request: SectionRequest): SectionEdit {
  const changelog = readChangelog(source);
  const existing = only(changelog, sectionsOf(changelog, request.version));
  const unreleased = only(changelog, changelog.sections.filter(isUnreleased));
  const { splices, outcome } =
    existing === undefined
      ? newSection(changelog, request, unreleased)
      : completed(changelog, request, existing);
  const text = spliced(source.text, splices);
  const after = readChangelog(sourceOf(source.path, text));
  const [section, ...more] = sectionsOf(after, request.version);
  const untouched = (each: Section) => each !== section;
  const isProven =
    section !== undefined &&
    more.length === 0 &&
    (!request.mustHaveDate || isDay(section.date ?? "")) &&
    titles(after.sections.filter(untouched)) ===
      titles(changelog.sections.filter((each) => each !== existing)) &&
    (outcome !== "moved" || !after.sections.some((each) => isUnreleased(each) && each.hasContent));
  if (!isProven) {
    throw cannotEdit(changelog, "found headings that do not read back as intended", existing?.at);
  }
  const { title, at } = section;
  return { text, outcome, title, at, left: leftToDo(after, section) };
}

const titles = (sections: readonly Section[]) => JSON.stringify(sections.map(({ title }) => title));

/** The one section of a kind, or undefined if there is none. */
function only(changelog: Changelog, sections: readonly Section[]): Section | undefined {
  const [first, second] = sections;
  if (second !== undefined) {
    throw cannotEdit(changelog, `found ## ${second.title} again, expected it once`, second.at);
  }
  return first;
}

function cannotEdit(
  { source }: Changelog,
  why: string,
  at = source.place(),
  remedy = "Edit it by hand",
): LocatedSyntaxError {
  return new LocatedSyntaxError(`Cannot edit ${source.path}: ${why}`, at, remedy);
}

/** What is left to be done by somebody who knows what has changed. */
function leftToDo({ source, sections }: Changelog, section: Section): SectionEdit["left"] {
  const unreleased = sections.find((each) => isUnreleased(each) && each.hasContent);
  return [
    ...(section.hasContent
      ? []
      : [
          {
            message: `${source.path} says nothing below ## ${section.title}`,
            remedy: "Write what is new below it, and commit that",
            at: section.at,
          },
        ]),
    ...(unreleased === undefined
      ? []
      : [
          {
            message: `${source.path} keeps what is below ## ${unreleased.title}: there was a section ## ${section.title} already`,
            remedy: `Move by hand what belongs below ## ${section.title}`,
            at: unreleased.at,
          },
        ]),
  ];
}

// A section that is there

/**
 * Adds what an existing section lacks: a real date, and words.
 *
 * @throws {LocatedSyntaxError} If something else than a placeholder stands where the date goes.
 */
function completed(
  changelog: Changelog,
  request: SectionRequest,
  existing: Section,
): { splices: readonly Splice[]; outcome: "completed" | "kept" } {
  const { text } = changelog.source;
  const lacksDate = request.mustHaveDate && !isDay(existing.date ?? "");
  if (lacksDate && !awaitsDate(existing)) {
    const { version } = request;
    const why = `found ## ${existing.title}, expected ${datedHeading(version)}`;
    throw cannotEdit(changelog, why, existing.at, dateByHand(version));
  }
  const lacksWords = !existing.hasContent && request.otherwise !== undefined;
  const splices = [
    ...(lacksDate ? [dateSplice(text, existing, request.date)] : []),
    ...(lacksWords
      ? [insertion(existing.bodyStart, below(text, existing.bodyStart, request.otherwise))]
      : []),
  ];
  return { splices, outcome: splices.length > 0 ? "completed" : "kept" };
}

/** Writes a date behind the brackets of a heading, or over what stands in the date's place. */
function dateSplice(text: string, { start, bodyStart, date }: Section, day: Day): Splice {
  const line = text.slice(start, bodyStart);
  const [name = ""] = /^[^[]*\[[^\]]*\](?:\([^()]*\)|\[[^\]]*\])?/.exec(line) ?? [];
  return date === undefined
    ? insertion(start + name.length, ` - ${day}`)
    : { offset: start + line.lastIndexOf(date), from: date, to: day };
}

const insertion = (offset: number, to: string): Splice => ({ offset, from: "", to });

// A section that is not there

function newSection(
  changelog: Changelog,
  { version, date, mustHaveDate, otherwise }: SectionRequest,
  unreleased: Section | undefined,
): { splices: readonly Splice[]; outcome: "moved" | "added" } {
  const { source, sections } = changelog;
  const newest = sections.find((each) => each.version !== undefined);
  const dated = mustHaveDate || newest?.date !== undefined;
  const heading = `## [${version}]${dated ? ` - ${date}` : ""}`;
  const links = linkSplices(source.text, version);
  if (unreleased?.hasContent) {
    const at = unreleased.bodyStart;
    return {
      splices: [insertion(at, below(source.text, at, [heading])), ...links],
      outcome: "moved",
    };
  }
  const lines = otherwise === undefined ? [heading] : [heading, "", ...otherwise];
  const before = unreleased === undefined ? (newest ?? sections[0])?.start : undefined;
  const at = before ?? unreleased?.bodyStart ?? source.text.length;
  const added =
    before === undefined ? below(source.text, at, lines) : above(source.text, before, lines);
  return { splices: [insertion(at, added), ...links], outcome: "added" };
}

/** Lines as they must be inserted below a line that ends at an offset, with a blank one between. */
function below(text: string, offset: number, lines: readonly string[] = []): string {
  const eol = lineEnd(text, offset);
  const before = text.slice(0, offset);
  const opening = before === "" || before.endsWith(eol + eol) ? "" : eol;
  const ending = before === "" || before.endsWith(eol) ? "" : eol;
  return ending + opening + lines.map((line) => line + eol).join("");
}

/** Lines as they must be inserted above a line that starts at an offset, with a blank one between. */
function above(text: string, offset: number, lines: readonly string[]): string {
  const eol = lineEnd(text, offset);
  return [...lines, ""].map((line) => line + eol).join("");
}

/** How lines end at an offset: like the one before it, else like the first one of the text. */
function lineEnd(text: string, offset: number): string {
  return /(\r\n|\n|\r)$/.exec(text.slice(0, offset))?.[1] ?? /\r\n|\n|\r/.exec(text)?.[0] ?? "\n";
}

/**
 * A definition such as `[Unreleased]: https://host/compare/v1.2.9...HEAD`; its parts are bounded, or a
 * long line would be tried in every division.
 */
const unreleasedLink =
  /^( {0,3}\[unreleased\]:[ \t]{0,9}<?\S{0,999}\/)([^\s/]{0,99}?)([0-9]{1,15}\.[0-9]{1,15}\.[0-9]{1,15}[^\s/]{0,99}?)(\.{2,3})(HEAD|main|master)(>?[ \t]{0,9})$/gim;

/** Lets the link of what is unreleased start at the release, and gives the release its own. */
function linkSplices(text: string, version: Version): readonly Splice[] {
  const isCode = codeBlocks(text);
  const links = [...text.matchAll(unreleasedLink)].filter(({ index }) => !isCode(index));
  const [match, ...more] = links;
  if (match === undefined || more.length > 0) {
    return [];
  }
  const [whole, opening = "", prefix = "", old = "", dots = "", , ending = ""] = match;
  const at = match.index + opening.length + prefix.length;
  const label = opening.replace(/\[unreleased\]/i, `[${version}]`);
  const link = `${label}${prefix}${old}${dots}${prefix}${version}${ending}`;
  const end = match.index + whole.length;
  return [{ offset: at, from: old, to: version }, insertion(end, lineEnd(text, end) + link)];
}
