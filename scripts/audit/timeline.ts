/** The audit as a picture: what each tag was found to be, along time. */

import { dayOf } from "../lib/calendar.ts";
import { visible } from "../lib/report.ts";
import { faultPhrases, type Head, labFault, plural, type Row, staleCount } from "./record.ts";

interface Dated extends Row {
  readonly head: Head;
}

/** A question about a tag, and where each answer to it stands in the picture. */
interface Lane {
  readonly name: string;
  readonly answers: readonly string[];
  /** Returns the answer, or undefined if the question is not one about this tag. */
  answer(row: Dated): string | undefined;
  isFault(row: Dated): boolean;
}

const lanes: readonly Lane[] = [
  {
    name: "Lab",
    answers: ["PASS", "PASS too old", "skipped", "none"],
    answer(row) {
      const { lab } = row;
      if (typeof lab === "string") {
        return undefined;
      }
      return lab.state === "pass" ? (labFault(row) ? "PASS too old" : "PASS") : lab.state;
    },
    isFault: (row) => labFault(row) !== undefined,
  },
  {
    name: "References",
    answers: ["all current", "stale"],
    answer: (row) =>
      row.stale === "unreadable" ? undefined : staleCount(row) > 0 ? "stale" : "all current",
    isFault: (row) => staleCount(row) > 0,
  },
  {
    name: "Signature",
    answers: ["signed", "unsigned", "lightweight"],
    answer: ({ head }) => head.signature,
    isFault: ({ head }) => head.signature !== "signed",
  },
];

/**
 * Units of the picture, which is scaled to the page. Words stand at its newest end, where it opens
 * on a screen that cannot show all of it.
 */
const size = { width: 900, left: 50, right: 730, words: 746, step: 24 };

/** Dates below the picture, evenly spaced. */
const ticks = 5;

/**
 * Returns the picture as an SVG element, named by a title and described by a text; a table must say
 * the same. Undefined if no tag has a date.
 */
export function timelineOf(rows: readonly Row[]): string | undefined {
  const dated = rows.filter((row): row is Dated => row.head !== undefined);
  if (dated.length === 0) {
    return undefined;
  }
  const moments = dated.map(({ head }) => head.seconds);
  const first = moments.reduce((one, other) => Math.min(one, other));
  const last = moments.reduce((one, other) => Math.max(one, other));
  const span = Math.max(last - first, 1);
  const x = (seconds: number) =>
    Math.round(size.left + ((seconds - first) / span) * (size.right - size.left));
  const parts: string[] = [];
  let y = 0;
  for (const { name, answers, answer, isFault } of lanes) {
    y += size.step + 8;
    parts.push(words("lane", size.words, y, name));
    for (const each of answers) {
      y += size.step;
      parts.push(
        `<line class="grid" x1="${size.left}" x2="${size.right}" y1="${y}" y2="${y}"/>`,
        words("tick", size.words, y, each),
        ...dated
          .filter((row) => answer(row) === each)
          .map((row) => {
            // Without a PASS that nobody needed a release is neither good nor bad.
            const colour = isFault(row) ? "bad" : each === "none" ? "plain" : "good";
            return mark(row, colour, x(row.head.seconds), y);
          }),
      );
    }
  }
  y += size.step + 12;
  for (let tick = 0; tick < (first === last ? 1 : ticks); tick++) {
    const seconds = first + (span * tick) / (ticks - 1);
    parts.push(words("tick date", x(seconds), y, dayOf(new Date(seconds * 1000))));
  }
  const left = rows.length - dated.length;
  const description = [
    `${plural(dated.length, "tag")} from ${dayOf(new Date(first * 1000))} to ${dayOf(new Date(last * 1000))}.`,
    ...(left > 0 ? [`${plural(left, "tag")} without a readable date in the table alone.`] : []),
    "The table below says the same for each tag.",
  ].join(" ");
  return `<svg viewBox="0 0 ${size.width} ${y + 16}" role="img" aria-labelledby="timeline-title" aria-describedby="timeline-description">
<title id="timeline-title">Timeline of releases</title>
<desc id="timeline-description">${description}</desc>
${parts.join("\n")}
</svg>`;
}

function words(kind: string, x: number, y: number, text: string): string {
  return `<text class="${kind}" x="${x}" y="${y + 5}">${text}</text>`;
}

/** A circle for a release, a triangle for a chart; its height in the picture says what was found. */
function mark(row: Dated, colour: string, x: number, y: number): string {
  const faults = faultPhrases(row).join("; ") || "no fault";
  const title = `<title>${escaped(`${row.tag}, ${row.head.date}: ${faults}`)}</title>`;
  return row.kind === "release"
    ? `<circle class="${colour}" cx="${x}" cy="${y}" r="5">${title}</circle>`
    : `<path class="${colour}" d="M${x} ${y}m0-6 6 11h-12z">${title}</path>`;
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Returns a text for an element or a quoted attribute: no markup, and no hidden character. */
export function escaped(text: string): string {
  return visible(text).replace(/[&<>"']/g, (character) => entities[character] ?? "");
}
