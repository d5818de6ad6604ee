/** Writes the audit as one page, without network and script: a timeline, and a table of all tags. */

import { statSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { Day } from "../lib/calendar.ts";
import { toWrite } from "../lib/disk/change-files.ts";
import { findFile, reason } from "../lib/disk/files.ts";
import { refusal } from "../lib/finding.ts";
import { has, layout } from "../lib/layout.ts";
import type { Version } from "../lib/version.ts";
import { visible } from "../lib/visible.ts";
import {
  type Column,
  columns,
  faultPhrases,
  hasFault,
  nothing,
  plural,
  type Row,
  totalLines,
  totalsOf,
} from "./record.ts";
import type { Audit } from "./survey.ts";

/** Marks a file as a page of an audit. */
export const pageMark = '<meta name="generator" content="scripts/audit-releases.ts">';

/**
 * Returns the page.
 *
 * @param since The version that the audit began with; undefined for all tags.
 * @param day The day of the audit, in UTC.
 */
export function pageOf(audit: Audit, since: Version | undefined, day: Day): string {
  const { rows } = audit;
  const title = `Releases of ${layout.product}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${pageMark}
<link rel="icon" href="data:,">
<title>${escaped(title)}</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>${escaped(title)}</h1>
<p class="about">${escaped(aboutOf(audit, since, day))}</p>
</header>
<main>
<section aria-labelledby="totals">
<h2 id="totals">Totals</h2>
${listOf(totalLines(totalsOf(rows)))}
</section>
<section aria-labelledby="timeline">
<h2 id="timeline">Timeline</h2>
${figureOf(rows)}
</section>
<section aria-labelledby="tags">
<h2 id="tags">All tags</h2>
<p class="about">Signed: whether the tag carries a signature, good or not; a light tag cannot, and has its commit's date. Main: whether its commit is on the main branch. Files: whether the manifests state its version.${has.labGate ? " Lab: days from the PASS to the tag." : ""} Stale: references to another version. A question mark: unreadable or unknown.</p>
<div class="scroll" role="region" aria-labelledby="caption" tabindex="0">
<table>
<caption id="caption">Release${has.chart ? " and chart" : ""} tags, newest first</caption>
<thead>
<tr>${[...columns.map(({ name }) => name), "notes"].map((name) => `<th scope="col">${name}</th>`).join("")}</tr>
</thead>
<tbody>
${rows.map(rowOf).join("\n")}
</tbody>
</table>
</div>
</section>
</main>
</body>
</html>
`;
}

function aboutOf(
  { rows, main: { value: main } }: Audit,
  since: Version | undefined,
  day: Day,
): string {
  const from = since === undefined ? "" : ` since ${layout.tagPrefix}${since}`;
  const branch =
    main === undefined
      ? "no main branch was found"
      : `the main branch is ${main.shown} at ${main.commit.slice(0, 12)}`;
  return `Audit of ${plural(rows.length, "tag")}${from} on ${day} (UTC); ${branch}.`;
}

function figureOf(rows: readonly Row[]): string {
  const picture = timelineOf(rows);
  return picture === undefined
    ? "<p>No tag has a date that can be read.</p>"
    : `<figure>
<div class="scroll newest" role="region" aria-label="Timeline picture" tabindex="0">
${picture}
</div>
<figcaption>A line for each question of the table below: a diamond is a fault, or unknown.</figcaption>
</figure>`;
}

function rowOf(row: Row): string {
  const [tag, ...others] = columns.map((column) => cellOf(column, row));
  return `<tr><th scope="row">${tag}</th>${others.join("")}<td class="notes">${notesOf(row)}</td></tr>`;
}

function cellOf(column: Column, row: Row): string {
  const text = escaped(column.cell(row));
  if (column.name === "tag") {
    return text;
  }
  const { stale } = row;
  if (column.name !== "stale" || stale === "unreadable" || stale.length === 0) {
    return `<td class="short${hasFault(row, column) ? " fault" : ""}">${text}</td>`;
  }
  const items = stale.map(
    (each) => `${each.file}: ${each.what} is ${each.found}, expected ${each.expected}`,
  );
  return `<td><details><summary><span class="fault">${text}</span><span class="unseen"> stale references of ${escaped(row.tag)}</span></summary>${listOf(items)}</details></td>`;
}

function notesOf(row: Row): string {
  const unread = row.faults.map(({ message }) => `unreadable: ${message}`);
  const notes = [...unread, ...faultPhrases(row)];
  return notes.length === 0 ? "none" : listOf(notes);
}

function listOf(items: readonly string[]): string {
  return `<ul>${items.map((item) => `<li>${escaped(item)}</li>`).join("")}</ul>`;
}

// The timeline: one line for each column that can state a fault

/**
 * In units of the picture, which is scaled to the page. The labels are at the newest end, where a narrow
 * screen opens it.
 */
const size = { width: 900, left: 50, right: 800, words: 816, line: 36 };

/**
 * Returns the picture as an SVG element with a title and a description, or undefined if no tag has a date.
 * Some readers cannot see it, so the page must have the same content in a table.
 */
export function timelineOf(rows: readonly Row[]): string | undefined {
  // From the newest to the oldest, as the rows are.
  const dated = rows.flatMap((row) => (row.head === undefined ? [] : [{ row, ...row.head }]));
  const [newest, oldest] = [dated[0], dated.at(-1)];
  if (newest === undefined || oldest === undefined) {
    return undefined;
  }
  const first = oldest.seconds;
  const span = Math.max(newest.seconds - first, 1);
  const x = (seconds: number) =>
    Math.round(size.left + ((seconds - first) / span) * (size.right - size.left));
  const judging = columns.filter(({ fault }) => fault !== undefined);
  const lines = judging.flatMap((column, index) => {
    const y = (index + 1) * size.line;
    return [
      `<line class="grid" x1="${size.left}" x2="${size.right}" y1="${y}" y2="${y}"/>`,
      `<text class="name" x="${size.words}" y="${y + 5}">${column.name}</text>`,
      ...dated.flatMap(({ row, date, seconds }) => {
        const cell = column.cell(row);
        const title = `<title>${escaped(`${row.tag}, ${date}: ${column.name} ${cell}`)}</title>`;
        return cell === nothing ? [] : [mark(hasFault(row, column), x(seconds), y, title)];
      }),
    ];
  });
  const bottom = (judging.length + 1) * size.line;
  const days = [...new Set([oldest, newest])].map(
    ({ date, seconds }) => `<text class="date" x="${x(seconds)}" y="${bottom}">${date}</text>`,
  );
  return `<svg viewBox="0 0 ${size.width} ${bottom + 16}" role="img" aria-labelledby="timeline-title" aria-describedby="timeline-description">
<title id="timeline-title">Timeline of releases</title>
<desc id="timeline-description">${plural(dated.length, "tag")} along time. The table below has the same content.</desc>
${[...lines, ...days].join("\n")}
</svg>`;
}

/** Returns a diamond for a fault, else a circle: colour alone would not be visible to everyone. */
function mark(isFault: boolean, x: number, y: number, title: string): string {
  return isFault
    ? `<path class="bad" d="M${x} ${y}m0-9 7 9-7 9-7-9z">${title}</path>`
    : `<circle class="good" cx="${x}" cy="${y}" r="4">${title}</circle>`;
}

/** Returns a text for an element or a quoted attribute, without markup and hidden characters. */
function escaped(text: string): string {
  return Bun.escapeHTML(visible(text));
}

// The file

/**
 * Checks that the page can be written. Called before the audit as well, to refuse early.
 *
 * @throws {Refusal} If the path is neither an earlier page nor an empty file, or its directory does
 * not exist.
 */
export function checkPath(path: string): void {
  const folder = dirname(path);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw refusal(`Cannot write ${path}: ${folder} is not a directory`, {
      remedy: "Create that directory, or name a file in another one",
    });
  }
  const found = findFile(folder, basename(path), { ...toWrite, shown: path });
  const text = new TextDecoder().decode(found?.bytes);
  if (text !== "" && !text.includes(pageMark)) {
    throw refusal(`Cannot write ${path}: found another file, expected none or an earlier page`, {
      remedy: "Name another file, or remove that one first",
    });
  }
}

/** @throws {Refusal} If the path is not one for a page, or cannot be written. */
export function writePage(path: string, text: string): void {
  checkPath(path);
  try {
    writeFileSync(path, text);
  } catch (thrown) {
    throw refusal(`Cannot write ${path}: ${reason(thrown)}`, {
      remedy: "Free disk space or give yourself access, or name another file",
    });
  }
}

// The style sheet

/** Light and dark, for a phone, the keyboard and paper. The contrast with the background is at least 4.5 for text and 3 for marks. */
const style = `
:root {
  color-scheme: light dark;
  --back: #ffffff; --raised: #f3f4f6; --text: #1b1f24; --muted: #4c545e; --rule: #767f8a;
  --good: #1a6b3a; --bad: #b3261e; --focus: #0b57d0; --grid: #d5d9de;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --back: #14171a; --raised: #1f2429; --text: #e8eaed; --muted: #b3bac2; --rule: #8b949e;
    --good: #6fcf97; --bad: #ff8a80; --focus: #8ab4f8; --grid: #3a4149;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--back); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
header, main { max-width: 80rem; margin: 0 auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 1.5rem 0 0.5rem; }
h2 { font-size: 1.25rem; margin: 2rem 0 0.5rem; }
p, li, td, th, caption, figcaption { overflow-wrap: anywhere; }
p.about, figcaption, caption { color: var(--muted); }
figure { margin: 0; }
figcaption { margin-top: 0.5rem; }
.scroll { overflow-x: auto; border: 1px solid var(--rule); border-radius: 0.4rem; position: relative; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
/* What is read from right to left opens at its right end: the newest. */
.newest { direction: rtl; }
svg { direction: ltr; display: block; width: 100%; min-width: 720px; height: auto; }
svg text { fill: var(--text); font-size: 15px; }
svg .date { fill: var(--muted); text-anchor: middle; }
svg .grid { stroke: var(--grid); }
svg .good { fill: var(--good); }
svg .bad { fill: var(--bad); }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
caption { text-align: start; padding: 0.5rem; }
th, td { text-align: start; vertical-align: top; padding: 0.4rem 0.5rem; border-top: 1px solid var(--grid); }
tbody th, td.short { white-space: nowrap; overflow-wrap: normal; }
thead th { text-transform: capitalize; background: var(--raised); overflow-wrap: normal; vertical-align: bottom; }
tbody th { position: sticky; inset-inline-start: 0; background: var(--back); font-weight: 600; }
td.notes { min-width: 12rem; }
td ul { margin: 0; padding-inline-start: 1.1rem; }
.fault { color: var(--bad); font-weight: 600; }
summary { cursor: pointer; }
details[open] { min-width: 18rem; white-space: normal; }
.unseen {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
@media print {
  .scroll { overflow: visible; border: 0; }
  svg { min-width: 0; }
  tbody th { position: static; }
  th, td { padding: 0.2rem 0.4rem; font-size: 0.75rem; }
  tbody th, td.short { white-space: normal; }
  td.notes { min-width: 0; }
  tr, figure { break-inside: avoid; }
  thead { display: table-header-group; }
  details::details-content { content-visibility: visible; }
}
`;
