/** Writes the audit as one page, without network and script: a timeline, and a table of all tags. */

import { mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Day } from "../lib/calendar.ts";
import { stage, toWrite } from "../lib/disk/change-files.ts";
import { type FileState, findFile, reason } from "../lib/disk/files.ts";
import { refusal } from "../lib/finding.ts";
import { layout } from "../lib/layout.ts";
import { faultPhrases, isUnreadable, plural, type Row, totalLines, totalsOf } from "./record.ts";
import { style } from "./style.ts";
import { type Column, columns, hasFault } from "./table.ts";
import { escaped, timelineOf } from "./timeline.ts";

/** Marks a file as a page of an audit. */
export const pageMark = '<meta name="generator" content="scripts/audit-releases.ts">';

/** The content of a page. */
export interface PageSubject {
  /** From the newest to the oldest. */
  readonly rows: readonly Row[];
  /** The commit of the main branch, and the name it was found by; undefined if there was none. */
  readonly main: { readonly shown: string; readonly commit: string } | undefined;
  /** The version that the audit began with; undefined for all tags. */
  readonly since: string | undefined;
  /** The day of the audit, in UTC. */
  readonly day: Day;
}

/** Returns the page. */
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
 * Returns the page that a new one would replace. Called before the audit as well, to refuse early.
 *
 * @throws {Refusal} If the path is neither an earlier page nor an empty file, or its directory does
 * not exist.
 */
export function findPage(path: string): FileState | undefined {
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
  return found;
}

/**
 * Writes a page, all or nothing. Does not follow a symbolic link.
 *
 * @throws {Refusal} As `findPage` does, and if the file cannot be written.
 */
export function writePage(path: string, text: string): void {
  const mode = findPage(path)?.mode;
  let folder: string | undefined;
  try {
    // Beside its target: a file can only be renamed within one file system.
    folder = mkdtempSync(join(dirname(path), ".audit-"));
    const staged = join(folder, "staged");
    stage(staged, new TextEncoder().encode(text), mode);
    renameSync(staged, path);
  } catch (thrown) {
    throw refusal(`Cannot write ${path}: ${reason(thrown)}`, {
      remedy: "Free disk space or give yourself access, or name another file",
    });
  } finally {
    if (folder !== undefined) {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}
