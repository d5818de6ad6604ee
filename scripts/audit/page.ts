/** The audit as one page that needs no network and no script: a timeline, and a table of all tags. */

import type { Day } from "../lib/calendar.ts";
import { layout } from "../lib/layout.ts";
import { escaped } from "./markup.ts";
import {
  isUnreadable,
  labFault,
  pastFaults,
  plural,
  type Row,
  totalLines,
  totalsOf,
} from "./record.ts";
import { style } from "./style.ts";
import { chartText, labText } from "./table.ts";
import { timelineOf } from "./timeline.ts";

/** By this a page is known as one of an audit. */
export const pageMark = '<meta name="generator" content="scripts/audit-releases.ts">';

/** What a page is about. */
export interface PageSubject {
  /** In the order of history. */
  readonly rows: readonly Row[];
  /** What stood for the main branch; undefined if there was none. */
  readonly main: { readonly shown: string; readonly commit: string } | undefined;
  /** The version that the audit began with, if not with the first. */
  readonly since: string | undefined;
  /** The day of the audit, in UTC. */
  readonly day: Day;
}

/** The page: the same text for the same subject. */
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
<nav aria-label="On this page">
<ul>
<li><a href="#totals">Totals</a></li>
<li><a href="#timeline">Timeline</a></li>
<li><a href="#tags">All tags</a></li>
</ul>
</nav>
</header>
<main>
<section aria-labelledby="totals">
<h2 id="totals">Totals</h2>
<ul>
${totalLines(totalsOf(rows))
  .map((line) => `<li>${escaped(line)}</li>`)
  .join("\n")}
</ul>
</section>
<section aria-labelledby="timeline">
<h2 id="timeline">Timeline</h2>
${figureOf(rows)}
</section>
<section aria-labelledby="tags">
<h2 id="tags">All tags</h2>
<p class="about">Signed means that the tag carries a signature; whether it is good was not asked. A lightweight tag has its commit's date.</p>
<div class="scroll" role="region" aria-labelledby="caption" tabindex="0">
<table>
<caption id="caption">Release and chart tags by date</caption>
<thead>
<tr>${headings.map((words) => `<th scope="col">${words}</th>`).join("")}</tr>
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
<div class="scroll" role="region" aria-label="Timeline picture" tabindex="0">
${picture}
</div>
<figcaption>Circles are releases, triangles charts; diamonds, bars and tags without a signature are faults. A hollow circle needed no lab validation: a candidate, or a release from before the ledger. The dashed line is the ${layout.maxValidationAgeDays} days that a lab validation stays good.</figcaption>
</figure>`;
}

const headings = [
  "Tag",
  "Date",
  "Signature",
  "On main",
  "Manifests",
  "Lab",
  "Stale references",
  "Chart (appVersion)",
  "Notes",
];

function rowOf(row: Row): string {
  const { tag, head, manifests, lab } = row;
  const isLabFault = lab === "unreadable" || labFault(row) !== undefined;
  const cells = [
    short(head?.date ?? "unreadable", head === undefined),
    short(head?.signature ?? "-", head !== undefined && head.signature !== "signed"),
    short(head?.onMain ?? "-", head !== undefined && head.onMain !== "yes"),
    short(manifests, manifests !== "agree"),
    short(labText(row), isLabFault),
    staleCell(row),
    short(chartText(row), row.chart === "unreadable"),
    `<td class="notes">${notesOf(row)}</td>`,
  ];
  return `<tr><th scope="row">${escaped(tag)}</th>${cells.join("")}</tr>`;
}

function short(words: string, isFault: boolean): string {
  return `<td class="short${isFault ? " fault" : ""}">${escaped(words)}</td>`;
}

function staleCell({ tag, stale }: Row): string {
  if (stale === "unreadable" || stale.length === 0) {
    return short(stale === "unreadable" ? stale : "0", stale === "unreadable");
  }
  const items = stale.map(
    ({ file, what, found, expected }) =>
      `<li>${escaped(`${file}: ${what} is ${found}, expected ${expected}`)}</li>`,
  );
  return `<td><details><summary><span class="fault">${stale.length}</span><span class="unseen"> stale references of ${escaped(tag)}</span></summary><ul>${items.join("")}</ul></details></td>`;
}

function notesOf(row: Row): string {
  const unread = isUnreadable(row) ? row.faults.map(({ message }) => `unreadable: ${message}`) : [];
  const bypassed = (row.head?.bypasses ?? []).map((bypass) => `bypassed: ${bypass}`);
  const notes = [...new Set([...unread, ...pastFaults(row), ...bypassed])];
  return notes.length === 0
    ? "none"
    : `<ul>${notes.map((note) => `<li>${escaped(note)}</li>`).join("")}</ul>`;
}
