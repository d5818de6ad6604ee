/** The audit as one page that needs no network and no script: a timeline, and a table of all tags. */

import {
  lstatSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Day } from "../lib/calendar.ts";
import { reason } from "../lib/disk/files.ts";
import { refusal } from "../lib/finding.ts";
import { layout } from "../lib/layout.ts";
import { faultPhrases, isUnreadable, plural, type Row, totalLines, totalsOf } from "./record.ts";
import { style } from "./style.ts";
import { type Column, columns, hasFault } from "./table.ts";
import { escaped, timelineOf } from "./timeline.ts";

/** By this a file is known as a page of an audit. */
export const pageMark = '<meta name="generator" content="scripts/audit-releases.ts">';

/** What a page is about. */
export interface PageSubject {
  /** From the newest to the oldest. */
  readonly rows: readonly Row[];
  /** What stood for the main branch; undefined if there was none. */
  readonly main: { readonly shown: string; readonly commit: string } | undefined;
  /** The version that the audit began with, if not with the first. */
  readonly since: string | undefined;
  /** The day of the audit, in UTC. */
  readonly day: Day;
}

/** Returns the page: the same text for the same subject. */
export function pageOf(subject: PageSubject): string {
  const { rows } = subject;
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
<p class="about">${escaped(aboutOf(subject))}</p>
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
<p class="about">Signed: whether the tag carries a signature, good or not; a light tag cannot, and has its commit's date. Main: whether its commit is on the main branch. Files: whether the manifests state its version. Lab: days from the PASS to the tag. Stale: references to another version. A question mark: unreadable or unknown.</p>
<div class="scroll" role="region" aria-labelledby="caption" tabindex="0">
<table>
<caption id="caption">Release and chart tags, newest first</caption>
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

function aboutOf({ rows, main, since, day }: PageSubject): string {
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
  const unread = isUnreadable(row) ? row.faults.map(({ message }) => `unreadable: ${message}`) : [];
  const notes = [...unread, ...faultPhrases(row)];
  return notes.length === 0 ? "none" : listOf(notes);
}

function listOf(items: readonly string[]): string {
  return `<ul>${items.map((item) => `<li>${escaped(item)}</li>`).join("")}</ul>`;
}

// The file

/**
 * Refuses a path that `writePage` would refuse; for before the work that makes the page.
 *
 * @throws {Refusal} If something is there that is neither an earlier page nor an empty file, or
 * there is no directory for it.
 */
export function checkPage(path: string): void {
  modeOf(path);
}

/**
 * Writes a page whole, or leaves what is there as it is. A symbolic link is never followed.
 *
 * @throws {Refusal} As `checkPage` does, and if the file cannot be written.
 */
export function writePage(path: string, text: string): void {
  const mode = modeOf(path);
  let folder: string | undefined;
  try {
    // Beside its target, as only within one file system can it be renamed.
    folder = mkdtempSync(join(dirname(path), ".audit-"));
    const staged = join(folder, "staged");
    writeFileSync(staged, text, { mode });
    renameSync(staged, path);
  } catch (thrown) {
    throw cannotWrite(path, reason(thrown));
  } finally {
    if (folder !== undefined) {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

/** Returns the permissions of the page that would be replaced; undefined if there is none. */
function modeOf(path: string): number | undefined {
  let isFree: boolean;
  try {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats?.isFile() && (stats.size === 0 || readFileSync(path, "utf8").includes(pageMark))) {
      return stats.mode & 0o777;
    }
    isFree = stats === undefined && statSync(dirname(path)).isDirectory();
  } catch (thrown) {
    throw cannotWrite(path, reason(thrown));
  }
  if (!isFree) {
    throw cannotWrite(path, "found something else there, expected nothing or an earlier page");
  }
  return undefined;
}

function cannotWrite(path: string, why: string) {
  return refusal(`Cannot write ${path}: ${why}`, {
    remedy: "Name another file, in a directory that exists and that you may write to",
  });
}
