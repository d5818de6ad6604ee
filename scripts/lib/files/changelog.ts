/** Changelogs as Keep a Changelog lays them out: one `## [A.B.C]` section for each version. */

import { isDay } from "../calendar.ts";
import type { Place } from "../finding.ts";
import type { Source } from "../tree.ts";
import { isVersion, type Version } from "../version.ts";
import { readLines, saysSomething, withoutComments } from "./markdown.ts";
import { occurrences } from "./places.ts";

/** One `##` section. Offsets are into the changelog's text. */
export interface Section {
  /** The heading's text, such as `[1.2.3] - 2026-08-07`. */
  readonly title: string;
  /** What stands in the title's brackets, such as `1.2.3` or `Unreleased`, if the title starts so. */
  readonly name: string | undefined;
  /** The name, if it is a version. */
  readonly version: Version | undefined;
  /** What follows the brackets and their link, as it is written. */
  readonly rest: string;
  /** What follows ` - ` of that. */
  readonly date: string | undefined;
  /** Where the heading's line starts, where the line after it starts, and where the section ends. */
  readonly start: number;
  readonly bodyStart: number;
  readonly end: number;
  /**
   * Whether the body says something: headings, HTML comments, link definitions, rules and empty
   * list items alone do not.
   */
  readonly hasContent: boolean;
  /** The place of the heading. */
  readonly at: Place;
}

/** A changelog, its sections in the order of the file. */
export interface Changelog {
  readonly source: Source;
  readonly sections: readonly Section[];
}

/** The sections of a version: none, one, or by mistake more. */
export function sectionsOf(changelog: Changelog, version: Version): readonly Section[] {
  return changelog.sections.filter((section) => section.version === version);
}

/** Reports whether a section holds what is not released yet. */
export function isUnreleased({ name, title }: Section): boolean {
  return (name ?? title).trim().toLowerCase() === "unreleased";
}

/** A word without a digit, such as `TBD`, or what has the form of a day. */
const placeholder = /^(?:[^\s\d]+|[^\s-]{4}-[^\s-]{2}-[^\s-]{2})$/;

/**
 * Whether a date may be written into a section's heading: nothing follows the brackets, or one word
 * in the date's place that is no date in any form. All else is its author's.
 */
export function awaitsDate({ rest, date }: Section): boolean {
  return rest === "" || (date !== undefined && !isDay(date) && placeholder.test(date));
}

/** The form of a heading with the day of the release. */
export const datedHeading = (version: Version) => `## [${version}] - YYYY-MM-DD`;

/** What gives a heading its date that awaits none. */
export const dateByHand = (version: Version) =>
  `Write the heading by hand as ${datedHeading(version)}, and what else it says below it`;

/** A line of a changelog as a reader sees it, without HTML comments, and its place. */
export interface Line {
  readonly text: string;
  readonly at: Place;
}

/** The first line in a section's body that names a word, or undefined if none does. */
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

/** Reads a changelog; any text is one, if only without sections. Takes time linear in its length. */
export function readChangelog(source: Source): Changelog {
  const { text } = source;
  const sections: Section[] = [];
  let open: { start: number; bodyStart: number; title: string; hasContent: boolean } | undefined;

  function close(end: number): void {
    if (open !== undefined) {
      const { start } = open;
      sections.push({
        ...open,
        ...partsOf(open.title),
        end,
        // Places are asked of few sections, and the first of them costs a look for every line.
        get at() {
          return source.place(start);
        },
      });
    }
    open = undefined;
  }

  for (const line of readLines(text)) {
    const { level = 0, style, title = "", start, end } = line;
    if (level === 1 || level === 2) {
      close(start);
      // An underlined heading ends a section, but is not how a changelog starts one.
      const starts = level === 2 && style === "marked";
      open = starts ? { start, bodyStart: end, title, hasContent: false } : undefined;
    } else if (open !== undefined) {
      open.hasContent ||= saysSomething(line);
    }
  }
  close(text.length);
  return { source, sections };
}

/** A version in brackets, perhaps a link; then the end, or anything after a space. */
const bracketed = /^\[([^[\]]*)\](?:\([^()]*\)|\[[^[\]]*\])?(?:$|(?=[ \t]))/;

function partsOf(title: string): Pick<Section, "name" | "version" | "rest" | "date"> {
  const match = bracketed.exec(title);
  const name = match?.[1];
  const rest = match === null ? "" : title.slice(match[0].length).trim();
  return {
    name,
    version: name !== undefined && isVersion(name) ? name : undefined,
    rest,
    date: /^-[ \t]+(.+)$/.exec(rest)?.[1],
  };
}
