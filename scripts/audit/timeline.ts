/** The audit as a picture: releases along time, by lab age, stale references and signature. */

import type { Day } from "../lib/calendar.ts";
import { layout } from "../lib/layout.ts";
import { escaped } from "./markup.ts";
import { type Head, labFault, plural, type Row } from "./record.ts";
import { labText } from "./table.ts";

/** Units of the picture; it is scaled to the page. */
const size = { width: 900, height: 544, left: 130, right: 20 };
const lab = { top: 50, base: 190, skipped: 216, none: 240 };
const stale = { top: 302, base: 382 };
const signature: Record<Head["signature"], number> = {
  signed: 436,
  unsigned: 460,
  lightweight: 484,
};
const axis = 506;

interface Dated extends Row {
  readonly head: Head;
}

/**
 * The picture as an SVG element, named by a title and described by a text; a table must say the
 * same. Undefined if no tag has a date.
 */
export function timelineOf(rows: readonly Row[]): string | undefined {
  const dated = rows.filter((row): row is Dated => row.head !== undefined);
  const [first] = dated;
  const last = dated.at(-1);
  if (first === undefined || last === undefined) {
    return undefined;
  }
  const x = timeScale(first.head.seconds, last.head.seconds);
  const releases = dated.filter(({ kind }) => kind === "release");
  return [
    `<svg viewBox="0 0 ${size.width} ${size.height}" role="img" aria-labelledby="timeline-title" aria-describedby="timeline-description">`,
    '<title id="timeline-title">Timeline of releases</title>',
    `<desc id="timeline-description">${escaped(describe(dated, rows.length))}</desc>`,
    ...gridOf(first.head.date, last.head.date, x),
    ...labLane(releases, x),
    ...staleLane(dated, x),
    ...signatureLane(dated, x),
    "</svg>",
  ].join("\n");
}

type Scale = (seconds: number) => number;

function timeScale(first: number, last: number): Scale {
  const width = size.width - size.left - size.right;
  return (seconds) =>
    round(size.left + (last === first ? width / 2 : ((seconds - first) / (last - first)) * width));
}

/** Tenths are finer than any screen shows, and keep the page small. */
function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function describe(dated: readonly Dated[], all: number): string {
  const count = (isCounted: (row: Dated) => boolean) => dated.filter(isCounted).length;
  const inLab = (state: string) =>
    count((row) => typeof row.lab !== "string" && row.lab.state === state);
  const left = all - dated.length;
  return [
    `${plural(dated.length, "tag")} from ${dated[0]?.head.date} to ${dated.at(-1)?.head.date}.`,
    `Lab: ${inLab("pass")} with a PASS, ${inLab("skipped")} skipped, ${inLab("none")} with none.`,
    `${plural(
      count((row) => staleCount(row) > 0),
      "tag",
    )} with stale references.`,
    `${count(({ head }) => head.signature !== "signed")} without a signature.`,
    ...(left > 0 ? [`${plural(left, "tag")} without a readable date in the table alone.`] : []),
    "The table below says the same for each tag.",
  ].join(" ");
}

function staleCount({ stale: references }: Row): number {
  return references === "unreadable" ? 0 : references.length;
}

// Time

/** Months between two lines, the finest that gives no more lines than fit. */
const steps = [1, 3, 6, 12, 24, 60, 120, 240, 600, 1200];
const mostLines = 9;

function gridOf(first: Day, last: Day, x: Scale): string[] {
  const month = (day: Day) => Number(day.slice(0, 4)) * 12 + Number(day.slice(5, 7)) - 1;
  const [from, to] = [month(first), month(last)];
  const step = steps.find((each) => (to - from) / each <= mostLines) ?? to - from;
  const begin = Math.ceil((from + 1) / step) * step;
  const lines: { at: number; words: string }[] = [];
  for (let each = begin; each <= to; each += step) {
    const day = `${String(Math.floor(each / 12)).padStart(4, "0")}-${String((each % 12) + 1).padStart(2, "0")}`;
    lines.push({
      at: x(Date.parse(`${day}-01T00:00:00Z`) / 1000),
      words: step % 12 === 0 ? day.slice(0, 4) : day,
    });
  }
  const few = lines.length < 2 ? [{ at: size.left, words: first }] : [];
  const shown =
    few.length === 0 || first === last ? lines : [...few, { at: size.width - 50, words: last }];
  return [
    `<line class="axis" x1="${size.left}" x2="${size.width - size.right}" y1="${axis}" y2="${axis}"/>`,
    ...(shown.length === 0 ? [{ at: size.width / 2, words: first }] : shown).flatMap(
      ({ at, words }) => [
        ...(few.length > 0
          ? []
          : [`<line class="grid" x1="${at}" x2="${at}" y1="${lab.top}" y2="${axis}"/>`]),
        `<text class="tick" x="${Math.max(at, size.left)}" y="${axis + 22}" text-anchor="middle">${words}</text>`,
      ],
    ),
  ];
}

// Lanes

function label(y: number, words: string, kind: "lane" | "step" = "step"): string {
  return kind === "lane"
    ? `<text class="lane" x="10" y="${y}">${words}</text>`
    : `<text class="tick" x="${size.left - 12}" y="${y + 5}" text-anchor="end">${words}</text>`;
}

function labLane(releases: readonly Dated[], x: Scale): string[] {
  const limit = layout.maxValidationAgeDays;
  const ages = releases.flatMap(({ lab: each }) =>
    typeof each === "string" || each.pass === undefined ? [] : [each.pass.ageDays],
  );
  const most = ages.reduce((one, other) => Math.max(one, other), limit);
  const yOf = (age: number) => round(lab.base - (age / most) * (lab.base - lab.top));
  const isCrowded = Math.abs(yOf(limit) - yOf(most)) < 20;
  return [
    label(lab.top - 22, "Lab PASS, days before the tag", "lane"),
    `<line class="axis" x1="${size.left}" x2="${size.width - size.right}" y1="${lab.base}" y2="${lab.base}"/>`,
    `<line class="limit" x1="${size.left}" x2="${size.width - size.right}" y1="${yOf(limit)}" y2="${yOf(limit)}"/>`,
    label(lab.base, "0"),
    label(yOf(limit), `${limit} (limit)`),
    ...(isCrowded ? [] : [label(yOf(most), String(most))]),
    label(lab.skipped, "skipped"),
    label(lab.none, "none"),
    ...releases.flatMap((row) => {
      const { head, lab: answer, tag } = row;
      if (typeof answer === "string") {
        return [];
      }
      const y = answer.state === "pass" ? yOf(answer.pass?.ageDays ?? 0) : lab[answer.state];
      const sound = answer.state === "pass" ? "dot good" : "dot plain";
      const words = `${tag}, ${head.date}: lab ${labText(row)}`;
      return [mark(labFault(row) === undefined ? sound : "diamond bad", x(head.seconds), y, words)];
    }),
  ];
}

function staleLane(dated: readonly Dated[], x: Scale): string[] {
  const most = dated.reduce((one, row) => Math.max(one, staleCount(row)), 1);
  const height = (count: number) => round((count / most) * (stale.base - stale.top));
  return [
    label(stale.top - 22, "Stale references", "lane"),
    `<line class="axis" x1="${size.left}" x2="${size.width - size.right}" y1="${stale.base}" y2="${stale.base}"/>`,
    label(stale.base, "0"),
    label(stale.top, String(most)),
    ...dated
      .filter((row) => staleCount(row) > 0)
      .map((row) => {
        const tall = height(staleCount(row));
        const words = `${row.tag}, ${row.head.date}: ${plural(staleCount(row), "stale reference")}`;
        return `<rect class="bad" x="${round(x(row.head.seconds) - 2)}" y="${round(stale.base - tall)}" width="4" height="${tall}"><title>${escaped(words)}</title></rect>`;
      }),
  ];
}

function signatureLane(dated: readonly Dated[], x: Scale): string[] {
  return [
    label(signature.signed - 22, "Signature", "lane"),
    ...Object.entries(signature).map(([words, y]) => label(y, words)),
    ...dated.map(({ kind, tag, head }) =>
      mark(
        `${kind === "chart" ? "triangle" : "dot"} ${head.signature === "signed" ? "good" : "bad"}`,
        x(head.seconds),
        signature[head.signature],
        `${tag}, ${head.date}: ${head.signature}`,
      ),
    ),
  ];
}

/** A mark whose shape says as much as its colour. */
function mark(classes: string, x: number, y: number, words: string): string {
  const [shape = ""] = classes.split(" ");
  const title = `<title>${escaped(words)}</title>`;
  if (shape === "dot") {
    return `<circle class="${classes}" cx="${x}" cy="${y}" r="5">${title}</circle>`;
  }
  const path = shape === "diamond" ? "m0-7 7 7-7 7-7-7z" : "m0-6 6 11h-12z";
  return `<path class="${classes}" d="M${x} ${y}${path}">${title}</path>`;
}
