/** Draws the timeline of the audit: one line for each column that can state a fault. */

import { dayOf } from "../lib/calendar.ts";
import { visible } from "../lib/visible.ts";
import { type Head, plural, type Row } from "./record.ts";
import { columns, hasFault, nothing } from "./table.ts";

interface Dated extends Row {
  readonly head: Head;
}

/**
 * In units of the picture, which is scaled to the page. The labels are at the newest end, where a narrow
 * screen opens it.
 */
const size = { width: 900, left: 50, right: 800, words: 816, line: 36 };

/** The number of dates below the picture, evenly spaced. */
const dates = 5;

/**
 * Returns the picture as an SVG element with a title and a description, or undefined if no tag has a date.
 * Some readers cannot see it, so the page must have the same content in a table.
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
  const judging = columns.filter(({ isFault }) => isFault !== undefined);
  const lines = judging.flatMap((column, index) => {
    const y = (index + 1) * size.line;
    return [
      `<line class="grid" x1="${size.left}" x2="${size.right}" y1="${y}" y2="${y}"/>`,
      `<text class="name" x="${size.words}" y="${y + 5}">${column.name}</text>`,
      ...dated.flatMap((row) => {
        const { tag, head } = row;
        const cell = column.cell(row);
        const title = `<title>${escaped(`${tag}, ${head.date}: ${column.name} ${cell}`)}</title>`;
        return cell === nothing ? [] : [mark(hasFault(row, column), x(head.seconds), y, title)];
      }),
    ];
  });
  const bottom = (judging.length + 1) * size.line;
  const days = Array.from({ length: first === last ? 1 : dates }, (_, index) => {
    const seconds = first + (span * index) / (dates - 1);
    return `<text class="date" x="${x(seconds)}" y="${bottom}">${dayOf(new Date(seconds * 1000))}</text>`;
  });
  const undated = rows.length - dated.length;
  const left =
    undated > 0 ? ` ${plural(undated, "tag")} without a readable date only in the table.` : "";
  return `<svg viewBox="0 0 ${size.width} ${bottom + 16}" role="img" aria-labelledby="timeline-title" aria-describedby="timeline-description">
<title id="timeline-title">Timeline of releases</title>
<desc id="timeline-description">${plural(dated.length, "tag")} along time.${left} The table below has the same content.</desc>
${[...lines, ...days].join("\n")}
</svg>`;
}

/** Returns a diamond for a fault, else a circle: colour alone would not be visible to everyone. */
function mark(isFault: boolean, x: number, y: number, title: string): string {
  return isFault
    ? `<path class="bad" d="M${x} ${y}m0-9 7 9-7 9-7-9z">${title}</path>`
    : `<circle class="good" cx="${x}" cy="${y}" r="4">${title}</circle>`;
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Returns a text for an element or a quoted attribute, without markup and hidden characters. */
export function escaped(text: string): string {
  return visible(text).replace(/[&<>"']/g, (character) => entities[character] ?? "");
}
