/** What starts a workflow: nothing but a push of a tag with the right prefix. */

import { asTable, described, type Path } from "../lib/files/document.ts";
import { type Finding, notice, quote } from "../lib/finding.ts";
import { breach, type Guarded } from "./breach.ts";
import { placeOf, type Workflow } from "./workflow.ts";

/** Keys of `push` that start nothing: GitHub does not evaluate path filters for tags. */
const harmless = ["tags", "paths", "paths-ignore"];

/** Judges what starts a workflow. */
export function checkTriggers(workflow: Workflow, { file, tagPrefix }: Guarded): Finding[] {
  const { document } = workflow;
  const tags: Path = ["on", "push", "tags"];
  const only = `only pushes of ${tagPrefix}* tags`;
  const remedy = `Write on: push: tags: ["${tagPrefix}*"] and no other trigger`;
  const found = (path: Path, what: string, expected = only) =>
    breach(file, what, expected, { at: placeOf(document, path), remedy });

  function judgePush(path: Path): Finding[] {
    const push = asTable(document.at(path)) ?? {};
    const wider = Object.keys(push).filter((key) => !harmless.includes(key));
    return [
      ...(push.tags === undefined ? [found(path, "push without tags")] : judgeTags(push.tags)),
      ...wider.map((key) => found([...path, key], `${key} on push`)),
    ];
  }

  function judgeTags(value: unknown): Finding[] {
    const items = Array.isArray(value) ? value : [value];
    const pathOf = (index: number) => (Array.isArray(value) ? [...tags, index] : tags);
    const faults = items.flatMap((pattern, index) =>
      isPattern(pattern) && (pattern.startsWith("!") || matchesOnly(pattern, tagPrefix))
        ? []
        : [found(pathOf(index), `tags ${described(pattern)} on push`)],
    );
    const isEmpty = items.every(
      (pattern, index) =>
        isPattern(pattern) &&
        (pattern.startsWith("!") ||
          items.slice(index + 1).some((later) => excludes(later, pattern, tagPrefix))),
    );
    return isEmpty ? [found(tags, "no tags on push")] : faults;
  }

  function judgeEvent(event: unknown, path: Path): Finding[] {
    return event === "push" ? judgePush(path) : [found(path, `the trigger ${described(event)}`)];
  }

  function judgeOn(): Finding[] {
    const value = document.at(["on"]);
    const table = asTable(value);
    if (table !== undefined) {
      return Object.keys(table).flatMap((event) => judgeEvent(event, ["on", event]));
    }
    return Array.isArray(value)
      ? value.flatMap((event, index) => judgeEvent(event, ["on", index]))
      : value === null || value === undefined
        ? []
        : judgeEvent(value, ["on"]);
  }

  const faults = judgeOn();
  if (faults.length > 0) {
    return faults;
  }
  const patterns = document.at(tags);
  if (patterns === undefined) {
    return [found(["on"], "no trigger", `a push of a ${tagPrefix}* tag`)];
  }
  const shown = [patterns].flat().map((each) => quote(String(each)));
  return [
    notice(`${file}: starts only on tags ${shown.join(", ")}`, { at: placeOf(document, tags) }),
  ];
}

function isPattern(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/**
 * Whether a pattern matches nothing but tags that begin with a prefix: it begins with that prefix
 * itself, to the letter, and `?` does not make the last letter optional.
 */
function matchesOnly(pattern: string, prefix: string): boolean {
  return pattern.startsWith(prefix) && pattern[prefix.length] !== "?";
}

/** Whether a later pattern excludes again all that one with a prefix includes. */
function excludes(later: unknown, pattern: string, prefix: string): boolean {
  const all = ["**", `${prefix}**`, ...(pattern.includes("**") ? [] : ["*", `${prefix}*`])];
  return [pattern, ...all].some((each) => later === `!${each}`);
}
