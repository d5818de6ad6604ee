/** Rows of an audit, made up: sound unless told otherwise. */

import type { Head, Row } from "../../scripts/audit/record.ts";
import { parseDay } from "../../scripts/lib/calendar.ts";
import type { Version } from "../../scripts/lib/version.ts";

/** A row of a sound release, a day later with each number. */
export function soundRow(index: number, changes: Partial<Row> = {}, head?: Partial<Head>): Row {
  const version = `1.${index}.0` as Version;
  const seconds = Date.UTC(2025, 0, 1 + index * 20, 12) / 1000;
  const date = parseDay(new Date(seconds * 1000).toISOString().slice(0, 10));
  return {
    kind: "release",
    tag: `v${version}`,
    version,
    head: {
      date,
      dateOf: "tagger",
      seconds,
      commit: String(index).padStart(40, "0"),
      signature: "signed",
      onMain: "yes",
      calledItself: undefined,
      bypasses: [],
      ...head,
    },
    manifests: "agree",
    lab: { state: "pass", pass: { date, ageDays: index, labCommit: "214ea6f" }, hasLedger: true },
    stale: [],
    chart: { version, appVersion: version },
    faults: [],
    ...changes,
  };
}

/** A chart's row. */
export function chartRow(index: number, changes: Partial<Row> = {}, head?: Partial<Head>): Row {
  const tag = `chart-v1.${index}.0`;
  return soundRow(index, { kind: "chart", tag, lab: "not asked", ...changes }, head);
}
