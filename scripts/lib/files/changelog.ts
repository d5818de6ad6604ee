/** Reads changelogs in the form of Keep a Changelog: one `## [A.B.C]` section for each version. */

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
  /** The text in brackets at the start of the title, such as `1.2.3` or `Unreleased`. */
  readonly name: string | undefined;
  /** The name, if it is a version. */
  readonly version: Version | undefined;
  /** The text after the brackets and their link. */
  readonly rest: string;
  /** The part of `rest` after ` - `. */
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

/** A changelog with its sections in the order of the file. */
export interface Changelog {
  readonly source: Source;
  readonly sections: readonly Section[];
}

/** Returns the sections of a version. There may be several by mistake. */
export function sectionsOf(changelog: Changelog, version: Version): readonly Section[] {
  return changelog.sections.filter((section) => section.version === version);
}

/** Reports whether a section is the one for unreleased changes. */
export function isUnreleased({ name, title }: Section): boolean {
  return (name ?? title).trim().toLowerCase() === "unreleased";
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
export const datedHeading = (version: Version) => `## [${version}] - YYYY-MM-DD`;

/** Returns the remedy for a heading that `awaitsDate` rejects. */
export const dateByHand = (version: Version) =>
  `Write the heading by hand as ${datedHeading(version)}, and what else it says below it`;

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

/** Parses a changelog in time linear in its length. Any text is legal, but may have no sections. */
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
        // Computed late: the first place requires a search for all line starts.
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
      // An underlined heading ends a section, but does not start one.
      const starts = level === 2 && style === "marked";
      open = starts ? { start, bodyStart: end, title, hasContent: false } : undefined;
    } else if (open !== undefined) {
      open.hasContent ||= saysSomething(line);
    }
  }
  close(text.length);
  return { source, sections };
}

/** A name in brackets with an optional link; then the end, or anything after a space. */
const bracketed = /^\[([^[\]]*)\](?:\([^()]*\)|\[[^[\]]*\])?(?:$|(?=[ \t]))/;

function partsOf(title: string): Pick<Section, "name" | "version" | "rest" | "date"> {
  const match = bracketed.exec(title);
  const name = match?.[1];
  const rest = match === null ? "" : title.slice(match[0].length).trim();
  return {
    name,
    version: name !== undefined && isVersion(name) ? name : undefined,
    rest,
    date: /^-[ \t]+(.+)$/s.exec(rest)?.[1],
  };
}
