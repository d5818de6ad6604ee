/** GitHub Actions workflows: triggers, jobs and steps, each with its place. */

import {
  asTable,
  type Document,
  described,
  type Path,
  placeInside,
} from "../lib/files/document.ts";
import { parseYamlMapping, type RepeatedKey, repeatedKeys } from "../lib/files/yaml-mapping.ts";
import { error, type Finding, findingsOf, type Place, quote, Refusal } from "../lib/finding.ts";
import type { Source } from "../lib/tree.ts";

type Table = Readonly<Record<string, unknown>>;

/** A part of a workflow: what is written there, and where in the document. */
export interface Part {
  readonly path: Path;
  readonly table: Table;
}

/** A step: it runs a script, or uses an action. */
export interface Step extends Part {
  readonly run: string | undefined;
  readonly uses: string | undefined;
}

/** A job that another job needs, and where it says so. */
export interface Need {
  readonly id: string;
  readonly path: Path;
}

export interface Job extends Part {
  readonly id: string;
  readonly needs: readonly Need[];
  /** None if the job is another workflow. */
  readonly steps: readonly Step[];
}

export interface Workflow extends Part {
  readonly document: Document;
  /** In the order of the file. */
  readonly jobs: readonly Job[];
}

/**
 * Reads a workflow.
 *
 * @throws {Refusal} If it is not one YAML mapping, has a key twice, or its jobs, needs and steps
 * are not of the kinds that GitHub knows; with every fault and its line.
 */
export function workflowFrom(source: Source): Workflow {
  const document = yamlWithoutRepeats(source);
  const faults: Finding[] = [];

  function refuse(path: Path, what: string, expected: string): void {
    const found = described(document.at(path));
    faults.push(
      error(`Cannot read ${what} in ${source.path}: found ${found}, expected ${expected}`, {
        at: placeOf(document, path),
        remedy: "Write it as the syntax of GitHub Actions workflows has it",
      }),
    );
  }

  function needsOf(job: Path, what: string): Need[] {
    const path = [...job, "needs"];
    const value = document.at(path);
    if (typeof value === "string") {
      return [{ id: value, path }];
    }
    if (Array.isArray(value) && value.every((each) => typeof each === "string")) {
      return value.map((id, index) => ({ id, path: [...path, index] }));
    }
    if (value !== undefined) {
      refuse(path, `needs of ${what}`, "the name of a job, or a list of names");
    }
    return [];
  }

  function stepFrom(path: Path, what: string): Step {
    const table = asTable(document.at(path)) ?? {};
    const { run, uses } = table;
    if ((run === undefined) === (uses === undefined)) {
      refuse(path, what, "a mapping with either run or uses");
    }
    for (const key of ["run", "uses"]) {
      if (table[key] !== undefined && typeof table[key] !== "string") {
        refuse([...path, key], `${key} of ${what}`, "a text");
      }
    }
    return {
      path,
      table,
      run: typeof run === "string" ? run : undefined,
      uses: typeof uses === "string" ? uses : undefined,
    };
  }

  function stepsOf(job: Path, what: string): Step[] {
    const path = [...job, "steps"];
    const value = document.at(path);
    if (Array.isArray(value)) {
      return value.map((_, index) => stepFrom([...path, index], `step ${index + 1} of ${what}`));
    }
    if (value !== undefined || document.at([...job, "uses"]) === undefined) {
      refuse(value === undefined ? job : path, `the steps of ${what}`, "a list of steps");
    }
    return [];
  }

  function jobFrom(id: string): Job {
    const path = ["jobs", id];
    const table = asTable(document.at(path));
    const what = `job ${quote(id)}`;
    if (table === undefined) {
      refuse(path, what, "a mapping with runs-on and steps");
      return { id, path, table: {}, needs: [], steps: [] };
    }
    return { id, path, table, needs: needsOf(path, what), steps: stepsOf(path, what) };
  }

  const table = asTable(document.data) ?? {};
  const ids = Object.keys(asTable(table.jobs) ?? {});
  if (ids.length === 0) {
    refuse(["jobs"], "the jobs", "a mapping of at least one job");
  }
  const jobs = ids.map(jobFrom);
  if (faults.length > 0) {
    throw new Refusal(faults);
  }
  return { document, path: [], table, jobs };
}

/**
 * Reads a YAML file that holds one mapping, in which no mapping has a key twice.
 *
 * @throws {Refusal} If it is something else, with every fault and its line.
 */
export function yamlWithoutRepeats(source: Source): Document {
  try {
    const document = parseYamlMapping(source);
    const faults = repeatedKeys(document).flatMap((each) => faultsOf(each, source));
    if (faults.length > 0) {
      throw new Refusal(faults);
    }
    return document;
  } catch (thrown) {
    throw new Refusal(findingsOf(thrown));
  }
}

/** Of a key that is there twice one reader takes the last, and another none. */
function faultsOf({ path, offsets }: RepeatedKey, source: Source): Finding[] {
  const [first, ...again] = offsets.map((offset) => source.place(offset));
  return again.map((at) =>
    error(
      `Cannot read ${at.file}: found key ${quote(String(path.at(-1)))} in line ${at.line} again after line ${first?.line}, expected it once`,
      { at, remedy: "Remove one of the two; readers disagree about which one counts" },
    ),
  );
}

/** A value inside a document. */
interface Inner {
  readonly path: Path;
  readonly value: unknown;
}

/**
 * Every value of a document, parents first; what has an anchor once, and not at each alias.
 *
 * @param contextOf What a value means at a path: what has an anchor is there once in each context.
 */
export function valuesOf(data: unknown, contextOf: (path: Path) => string = () => ""): Inner[] {
  const found: Inner[] = [];
  const seen = new Map<unknown, Set<string>>();

  function isNew(path: Path, value: unknown): boolean {
    if (typeof value !== "object" || value === null) {
      return true;
    }
    const contexts = seen.get(value) ?? new Set();
    const context = contextOf(path);
    seen.set(value, contexts);
    return !contexts.has(context) && contexts.add(context).size > 0;
  }

  function visit(path: Path, value: unknown): void {
    if (!isNew(path, value)) {
      return;
    }
    found.push({ path, value });
    const children = Array.isArray(value)
      ? [...value.entries()]
      : Object.entries(asTable(value) ?? {});
    for (const [key, child] of children) {
      visit([...path, key], child);
    }
  }

  visit([], data);
  return found;
}

/**
 * Where the key at the end of a path is written, or else the item of a list.
 *
 * @param offset Into the text at the path: the place is there then, if it can be told.
 */
export function placeOf(document: Document, path: Path, offset?: number): Place {
  const value = document.at(path);
  const isItem = typeof path.at(-1) === "number";
  if (typeof value === "string" && (isItem || offset !== undefined)) {
    const place = placeInside(document, path, value, offset ?? 0);
    if (place.line !== undefined) {
      return place;
    }
  }
  if (isItem) {
    // An item that is a mapping begins with its first key.
    const [first] = Object.keys(asTable(value) ?? {});
    return first === undefined
      ? placeOf(document, path.slice(0, -1))
      : document.place([...path, first]);
  }
  return document.place(path);
}
