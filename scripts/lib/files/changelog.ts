/**
 * Reads changelogs in the form of Keep a Changelog, `## [A.B.C] - YYYY-MM-DD`, or in the form that the
 * file uses: another level, underlined headings, names without brackets, dates in parentheses.
 */

import { isDay } from "../calendar.ts";
import type { Place } from "../finding.ts";
import type { Source } from "../tree.ts";
import { isVersion, type Version } from "../version.ts";
import { type MarkdownLine, readLines, saysSomething, withoutComments } from "./markdown.ts";
import { occurrences } from "./places.ts";

/** One section. Offsets are into the changelog's text. */
export interface Section {
  /** The heading's text, such as `[1.2.3] - 2026-08-07`. */
  readonly title: string;
  /** The heading's text with its marks, such as `## [1.2.3] - 2026-08-07`. */
  readonly heading: string;
  /** The text in brackets at the start of the title, a version without brackets, or `Unreleased`. */
  readonly name: string | undefined;
  /** The name, if it is a version in the form of the file. */
  readonly version: Version | undefined;
  /** The name with its brackets and their link. */
  readonly label: string;
  /** The text after the label. */
  readonly rest: string;
  /** The part of `rest` that is a date, or stands in a date's place. */
  readonly date: string | undefined;
  /** The start of the heading's line, the start of the next line, and the end of the section. */
  readonly start: number;
  readonly bodyStart: number;
  readonly end: number;
  /**
   * Whether the body has content besides headings, HTML comments, link definitions, rules and empty
   * list items.
   */
  readonly hasContent: boolean;
  /** The place of the heading. */
  readonly at: Place;
}

/** A heading that seems to name a version, but not in the form of the file. */
export type Misspelled = Pick<Section, "heading" | "version" | "date" | "start" | "at">;

/** A changelog with its sections in the order of the file. */
export interface Changelog {
  readonly source: Source;
  readonly sections: readonly Section[];
  readonly misspelled: readonly Misspelled[];
  /** Returns the lines of a heading in the form of the newest one. */
  heading(version: string, date?: string): readonly [string, ...string[]];
  /** Returns the text that adds a date to a heading. */
  withDate(date: string): string;
}

/** Returns the sections of a version. There may be several by mistake. */
export function sectionsOf(changelog: Changelog, version: Version): readonly Section[] {
  return changelog.sections.filter((section) => section.version === version);
}

/** Reports whether a section is the one for unreleased changes. */
export function isUnreleased({ name, title }: Pick<Section, "name" | "title">): boolean {
  return (name ?? title).trim().toLowerCase() === "unreleased";
}

const yankedMark = /[ \t]*\[yanked\]$/i;

/** Reports whether a section's heading says after its date that the release was withdrawn. */
export function isYanked({ date = "" }: Section): boolean {
  return yankedMark.test(date) && isDay(date.replace(yankedMark, ""));
}

/** A word without digits, such as `TBD`, or a text in the form of a day, such as `YYYY-MM-DD`. */
const placeholder = /^(?:[^\s\d]+|[^\s-]{4}-[^\s-]{2}-[^\s-]{2})$/;

/**
 * Reports whether a date may be written into a section's heading: nothing follows the brackets, or
 * only a placeholder for the date. Any other text is kept.
 */
export function awaitsDate({ rest, date }: Section): boolean {
  return rest === "" || (date !== undefined && !isDay(date) && placeholder.test(date));
}

/** Returns the form of a heading with the date of the release. */
export const datedHeading = ({ heading }: Changelog, version: Version) =>
  heading(version, "YYYY-MM-DD")[0];

/** Returns the remedy for a heading that `awaitsDate` rejects. */
export const dateByHand = (changelog: Changelog, version: Version) =>
  `Write the heading by hand as ${datedHeading(changelog, version)}, and what else it says below it`;

/** A line of a changelog without HTML comments, and its place. */
export interface Line {
  readonly text: string;
  readonly at: Place;
}

/** Returns the first line of a section's body that contains a word, or undefined. */
export function findLineNaming(
  { source }: Changelog,
  { bodyStart, end }: Section,
  word: string,
): Line | undefined {
  const body = withoutComments(source.text.slice(bodyStart, end));
  const [found] = occurrences(body, word);
  if (found === undefined) {
    return undefined;
  }
  const start = Math.max(body.lastIndexOf("\n", found), body.lastIndexOf("\r", found)) + 1;
  const [text = ""] = body.slice(start).split(/[\r\n]/, 1);
  return { text: text.trim(), at: source.place(bodyStart + found) };
}

/** A heading with the parts of its title. */
type Heading = Required<MarkdownLine> & ReturnType<typeof partsOf>;

const usualSeparator = " - ";
const usualForm = "marked 2 in brackets";
const formOf = ({ style, level, bracketed }: Heading) =>
  `${style} ${level} ${bracketed ? "in brackets" : "bare"}`;

/** Parses a changelog in time linear in its length. Any text is legal, but may have no sections. */
export function readChangelog(source: Source): Changelog {
  const { text } = source;
  const lines = readLines(text).map((line) =>
    line.title === undefined ? line : { ...line, ...partsOf(line.title) },
  );
  const headings = lines.filter((line): line is Heading => line.level !== undefined);
  const { level: ownLevel, style: ownStyle, form } = findForm(headings);
  const separators = headings.flatMap((each) => (each.stated && each.separator) ?? []);
  // One heading in the usual form with a date in another one does not make that the file's form.
  const separator = prevailing(
    form === usualForm ? [...separators, usualSeparator] : separators,
    usualSeparator,
  );
  const isRelease = (each: Heading) =>
    each.stated !== undefined && [usualForm, form].includes(formOf(each));
  const sections: Section[] = [];
  const misspelled: Misspelled[] = [];
  let open: { end: number; hasContent: boolean } | undefined;

  function described(heading: Heading) {
    const { start, title } = heading;
    const isDated = [usualSeparator, separator].includes(heading.separator ?? "");
    return {
      title,
      heading: heading.style === "marked" ? `${"#".repeat(heading.level)} ${title}` : title,
      date: isDated ? heading.date : undefined,
      start,
      // Computed late: the first place requires a search for all line starts.
      get at() {
        return source.place(start);
      },
    };
  }

  for (const line of lines) {
    if (line.level === undefined) {
      if (open !== undefined) {
        open.hasContent ||= saysSomething(line);
      }
      continue;
    }
    const heading = line as Heading;
    const { level, style, start, end: bodyStart, name, label, rest, meant } = heading;
    const isHigh = level <= ownLevel;
    const isOwn = level === ownLevel && style === ownStyle;
    const version = isRelease(heading) ? heading.stated : undefined;
    const starts = version !== undefined || isOwn || (isHigh && isUnreleased(heading));
    if (open !== undefined && (starts || isHigh)) {
      open.end = start;
      open = undefined;
    }
    if (starts) {
      const body = { bodyStart, end: text.length, hasContent: false };
      const section = Object.assign(described(heading), { name, label, rest, version, ...body });
      open = section;
      sections.push(section);
    }
    if (meant !== undefined && version === undefined) {
      const other = isVersion(meant.text) ? meant.text : undefined;
      const isWhole = other !== undefined && meant.isAlone;
      const isLikely = meant.word ? isOwn || (isHigh && isWhole) : isHigh || isWhole;
      if (isLikely && (meant.isAlone || heading.bracketed)) {
        misspelled.push(Object.assign(described(heading), { version: other, date: meant.date }));
      }
    }
  }
  const releases = headings.filter(isRelease);

  const withDate = (date: string) => `${separator}${date}${separator === " (" ? ")" : ""}`;

  return {
    source,
    sections,
    misspelled,
    withDate,
    heading(version, date) {
      const [newest, older] = releases.filter(({ stated }) => stated !== version);
      const { level, style, bracketed } = newest ?? { level: ownLevel, style: ownStyle };
      const link = newest === undefined ? "" : linkTo(version, newest, older);
      const name = bracketed === false ? version : `[${version}]${link}`;
      const title = name + (date === undefined ? "" : withDate(date));
      return style === "marked"
        ? [`${"#".repeat(level)} ${title}`]
        : [title, (level === 1 ? "=" : "-").repeat(title.length)];
    },
  };
}

/** Returns the form of the newest heading of a release, and its level and style. */
function findForm(headings: readonly Heading[]) {
  const releases = headings.filter(({ stated }) => stated !== undefined);
  // A version in a sub-heading of what is unreleased is not the newest release.
  const first = headings.find((each) => each.stated !== undefined || isUnreleased(each));
  const newest =
    releases.find(({ level, style }) => level === first?.level && style === first.style) ??
    releases[0];
  const others = releases.filter((each) => each !== newest);
  const form = prevailing([newest ?? [], others].flat().map(formOf), usualForm);
  const example = releases.find((each) => formOf(each) === form) ?? newest ?? first;
  return { level: example?.level ?? 2, style: example?.style ?? "marked", form };
}

/** Returns the first value if it occurs again, or if none is the usual one; otherwise the usual one. */
function prevailing(values: readonly string[], usual: string): string {
  const [newest = usual, ...others] = values;
  return others.includes(newest) || !values.includes(usual) ? newest : usual;
}

/** Returns the newest heading's link with the new version for its own, and its own for the older one. */
function linkTo(version: string, { link, ...newest }: Heading, older: Heading | undefined): string {
  const stated = newest.stated ?? "";
  const names = [stated, older?.stated ?? stated].sort((a, b) => b.length - a.length);
  const either = names.map(RegExp.escape).join("|");
  const known = new RegExp(`(?<![0-9]|[0-9][.])(?:${either})(?![0-9])`, "g");
  return link.replace(known, (found): string => (found === stated ? version : stated));
}

/** A title that may name a version: at least two numbers, perhaps after a word, `v` or a bracket. */
const meaning =
  /^([a-z][\w-]*[ \t]+)?\[?v?([0-9]+(?:\.[0-9]+)+[^\s[\]()]*)(?:\](?:\([^()]*\)|\[[^[\]]*\])?)?(.*)$/is;

/** A name in brackets with an optional link, or a word; then the end, or anything after a space. */
const labelled = /^(?:\[([^[\]]*)\](\([^()]*\)|\[[^[\]]*\])?|[^\s[\]]+)(?:$|(?=[ \t]))/;

function partsOf(title: string) {
  const match = labelled.exec(title);
  const [label = "", inside, link = ""] = match ?? [];
  const bracketed = inside !== undefined;
  const rest = match === null ? "" : title.slice(label.length).trim();
  const { separator, date } = dateIn(rest);
  const isComplete = match !== null && (rest === "" || date !== undefined);
  const word = inside ?? label;
  const isName = bracketed || isVersion(word) || (isComplete && /^unreleased$/i.test(word));
  return {
    ...{ label, link, bracketed, rest, separator, date },
    name: isName ? word : undefined,
    /** The version, in any form. */
    stated: isVersion(word) ? word : undefined,
    meant: meantBy(title),
  };
}

/** Returns what a title may mean as a version, and whether only a date follows it. */
function meantBy(title: string) {
  const [, word, text, rest = ""] = meaning.exec(title) ?? [];
  const { date } = dateIn(rest.trim());
  const isAlone = rest.trim() === "" || date !== undefined;
  return text === undefined ? undefined : { word: word !== undefined, text, date, isAlone };
}

/** Returns the date behind a label, or the text in its place, and the separator before it. */
function dateIn(rest: string): { separator?: string; date?: string } {
  const plain = rest.replace(yankedMark, "");
  const mark = rest.slice(plain.length);
  const [, sign, words] = /^([-–—/|])[ \t]+(.+)$/s.exec(plain) ?? [];
  if (words !== undefined) {
    return { separator: ` ${sign} `, date: words + mark };
  }
  const inside = /^\(([^()]+)\)$/.exec(plain)?.[1];
  const isDate = /[0-9]/.test(inside ?? "") || inside === "YYYY-MM-DD";
  return inside !== undefined && isDate
    ? { separator: " (", date: inside + mark }
    : isDay(plain)
      ? { separator: " ", date: plain + mark }
      : {};
}
