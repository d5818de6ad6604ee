/** An audit as findings: what could not be read refuses, faults of the past are warnings. */

import { error, type Finding, notice, type Place, shellWord, warning } from "../lib/finding.ts";
import { pastFaults, type Row, totalLines, totalsOf } from "./record.ts";
import type { Audit } from "./survey.ts";

/** Errors first, then a warning for each tag with faults, then the totals as evidence. */
export function findingsOfAudit({
  rows,
  others,
  main: mainline,
}: Omit<Audit, "recall">): Finding[] {
  return [
    ...(mainline.findings ?? shallowFault(rows)),
    ...rows.flatMap((row) => [...row.faults.map((fault) => unreadableAt(row, fault))]),
    ...rows.flatMap(pastWarning),
    ...otherNotice(others),
    ...totalLines(totalsOf(rows)).map((line) => notice(line)),
  ];
}

function shallowFault(rows: readonly Row[]): Finding[] {
  const unknown = rows.filter(({ head }) => head?.onMain === "unknown").length;
  return unknown === 0
    ? []
    : [
        error(`Cannot tell whether ${unknown} of ${rows.length} tags are on the main branch`, {
          remedy:
            "Fetch the whole history: git fetch --unshallow (in GitHub Actions, check out with fetch-depth: 0)",
        }),
      ];
}

/** A fault with a place is in a file of the tag: no remedy of its reader can mend a past commit. */
function unreadableAt({ tag }: Row, fault: Finding): Finding {
  const { at } = fault;
  return error(`Cannot audit all of ${tag}: ${fault.message}`, {
    ...fault,
    remedy: at === undefined ? fault.remedy : `Look at what was tagged: ${lookAt(tag, at)}`,
  });
}

/** What shows the file, if that is sure to be there: a line of it was read. */
function lookAt(tag: string, { file, line }: Place): string {
  return line === undefined
    ? `git show --stat ${shellWord(tag)}`
    : `git show ${shellWord(`${tag}:${file}`)}`;
}

function pastWarning(row: Row): Finding[] {
  const faults = pastFaults(row);
  // No check of a chart tag tells all of its references.
  const look =
    row.kind === "chart"
      ? "audit-releases.ts --html audit.html"
      : `check-references.ts ${row.tag} --ref ${row.tag}`;
  const hasDetails = row.manifests === "differ" || (row.stale !== "unreadable" && row.stale[0]);
  return faults.length === 0
    ? []
    : [
        warning(`${row.tag}: ${faults.join("; ")}`, {
          commit: row.head?.commit,
          remedy: hasDetails ? `See each: bun scripts/${look}` : undefined,
        }),
      ];
}

/** How many names a line holds. */
const namedTags = 20;

function otherNotice(others: readonly string[]): Finding[] {
  if (others.length === 0) {
    return [];
  }
  const rest = others.length - namedTags;
  const names = others.slice(0, namedTags).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
  return [notice(`not release tags, left out: ${names}`)];
}
