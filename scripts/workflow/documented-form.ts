/**
 * Checks the only accepted form of a release workflow (docs/adopting.md): only its tags start it, the
 * first job checks the pushed tag, and every other job waits for the success of that job. Every other
 * form is refused, harmful or not, so that no shell command has to be analysed.
 */

import { posix } from "node:path";
import { asTable, type Document, type Path } from "../lib/files/document.ts";
import { placeInside } from "../lib/files/places.ts";
import { error, type Finding, notice, type Place, quote } from "../lib/finding.ts";

/** A release workflow. */
export interface Guarded {
  readonly file: string;
  /** The prefix of the tags that start it. */
  readonly tagPrefix: string;
  /** The command that checks the tag, as a path without `.sh` or `.ts`. */
  readonly check: string;
}

type Table = Readonly<Record<string, unknown>>;

interface Job {
  readonly id: string;
  readonly path: Path;
  readonly table: Table;
}

/** The keys of the first job and of its steps that neither skip the check nor change it. */
const jobKeys = "name runs-on permissions environment concurrency timeout-minutes outputs steps";
const actionKeys = "name id uses with timeout-minutes";
const runKeys = "name id run timeout-minutes";
/** The inputs of `actions/checkout` that change neither the commit nor the folder. */
const checkoutInputs =
  "token persist-credentials clean fetch-depth fetch-tags show-progress lfs submodules";
/** The switches of Bun that prevent files of the checkout from changing what runs. */
const switches = ["--no-env-file", "--config=/dev/null", "--tsconfig-override=/dev/null"];
/** The variables that change what a shell or Bun runs. */
const steeringVariable =
  /^(?:BASH_ENV|ENV|PATH|HOME|IFS|SHELLOPTS|BASHOPTS|BASH_FUNC_.*|LD_.*|DYLD_.*|BUN_.*|NODE_OPTIONS|GIT_.*)$/i;
/** A status function in an `if` overrides GitHub's condition that all needed jobs succeeded. */
const statusFunction = /\b(?:always|failure|cancelled)\s*\(/i;

/** Checks a workflow. A pass has a notice for each of the three rules. */
export function checkDocumentedForm(document: Document, guarded: Guarded): Finding[] {
  const { file, tagPrefix, check } = guarded;
  const script = posix.basename(check);
  const documentedCommand = `bun ${switches.join(" ")} ${check}.ts "$GITHUB_REF_NAME"`;

  function breach(
    path: Path,
    found: string,
    expected: string,
    remedy: string,
    others: readonly Path[] = [],
  ): Finding {
    const also = others.map((other) => placeOf(document, other));
    const message = `Cannot accept ${file}: found ${found}, expected ${expected}`;
    return error(message, { at: placeOf(document, path), also, remedy });
  }

  /** Returns the faults, or the evidence if there are none. */
  const orEvidence = (faults: Finding[], evidence: string, path: Path, offset?: number) =>
    faults.length > 0
      ? faults
      : [notice(`${file}: ${evidence}`, { at: placeOf(document, path, offset) })];

  /** Refuses the keys of a mapping that are not allowed. */
  function checkKeys(path: Path, allowed: string, where: string): Finding[] {
    return strayKeys(document.at(path), allowed).map((key) => {
      const remedy = `Remove ${key}: nothing may skip the tag check, or change what it runs or reads`;
      return breach([...path, key], `${key} in ${where}`, "none", remedy);
    });
  }

  function checkTrigger(): Finding[] {
    const path = ["on", "push", "tags"];
    const tags = document.at(path);
    const strays = [
      ...strayKeys(document.at(["on"]), "push").map((key) => ["on", key]),
      ...strayKeys(document.at(["on", "push"]), "tags").map((key) => ["on", "push", key]),
    ];
    if (![tags].flat().every((tag) => tag === `${tagPrefix}*`) || [tags].flat().length !== 1) {
      strays.push(tags === undefined ? ["on"] : path);
    }
    const [first, ...others] = strays;
    const shown = JSON.stringify(tags ?? document.at(["on"]))?.slice(0, 200);
    const wrong = first === path ? `push.tags ${shown}` : first?.slice(1).join(".");
    const found = wrong || (shown === undefined ? "no trigger" : `the trigger ${shown}`);
    const remedy = `Write on: push: tags: ["${tagPrefix}*"] and no other trigger`;
    const faults =
      first === undefined
        ? []
        : [breach(first, found, `only pushes of ${tagPrefix}* tags`, remedy, others)];
    return orEvidence(faults, `starts only on tags "${tagPrefix}*"`, path);
  }

  /** Refuses variables and defaults of all jobs that could change what the check runs. */
  function checkWorkflowKeys(): Finding[] {
    const env = document.at(["env"]);
    const table = asTable(env);
    const names = Object.keys(table ?? {}).filter((name) => steeringVariable.test(name));
    const paths = [
      ...names.map((name) => ["env", name]),
      ...(env === undefined || table ? [] : [["env"]]),
      ...(document.at(["defaults"]) === undefined ? [] : [["defaults"]]),
    ];
    return paths.map((path) =>
      breach(
        path,
        `${path.join(".")} for every job`,
        "none, as it changes what the tag check runs",
        "Set it in the jobs that need it, not in the one that checks the tag",
      ),
    );
  }

  /** Checks the job whose step with this index runs the tag check. */
  function checkFirstJob({ id, path, table }: Job, at: number): Finding[] {
    const shown = `job ${quote(id)}, which checks the tag`;
    const faults = checkKeys(path, jobKeys, shown);
    const runner = JSON.stringify(table["runs-on"] ?? "");
    if (/windows|\$\{\{/i.test(runner)) {
      // PowerShell knows no $GITHUB_REF_NAME, and does not stop at an error.
      const expected = "a runner of Linux or macOS, by its name";
      const remedy = "Write runs-on: ubuntu-latest";
      faults.push(breach([...path, "runs-on"], `runs-on ${runner} in ${shown}`, expected, remedy));
    }
    if (at === 0) {
      const remedy = "Add uses: actions/checkout before it";
      faults.push(breach([...path, "steps", 0], `no checkout in ${shown}`, "one", remedy));
    }
    for (const [index, step] of [table.steps].flat().entries()) {
      const here = [...path, "steps", index];
      const { uses, run, if: condition } = asTable(step) ?? {};
      if (index < at) {
        faults.push(...checkPreparation(here, String(uses), index === 0));
      } else if (index === at) {
        faults.push(...checkKeys(here, runKeys, "the step of the tag check"));
        if (!isCheckCommand(String(run).trim(), check)) {
          const found = quote(String(run).trim());
          const remedy = `Write run: ${documentedCommand}, and anything else in a later step`;
          faults.push(breach([...here, "run"], found, "the tag check alone", remedy));
        }
      } else if (outlivesFailure(condition)) {
        const found = `a step of ${shown}, that may run after a failure`;
        const remedy = "Move the step to another job, or remove the status function";
        faults.push(breach([...here, "if"], found, "none with a status function", remedy));
      }
    }
    return faults;
  }

  /** Checks a step before the check: the first must be a checkout of the tag's commit, others set up Bun. */
  function checkPreparation(path: Path, uses: string, isFirst: boolean): Finding[] {
    const action = /^(actions\/checkout|oven-sh\/setup-bun)@\S+$/.exec(uses)?.[1];
    const isCheckout = action === "actions/checkout";
    if (action === undefined || isFirst !== isCheckout) {
      const expected = "actions/checkout, then at most oven-sh/setup-bun";
      const remedy = "Move the step after the check, or to another job";
      return [breach(path, "another step before the tag check", expected, remedy)];
    }
    const where = `the step that uses ${action}`;
    const inputs = isCheckout ? checkKeys([...path, "with"], checkoutInputs, where) : [];
    return [...checkKeys(path, actionKeys, where), ...inputs];
  }

  function checkNeeds(first: Job, jobs: readonly Job[]): Finding[] {
    const others = jobs.filter(({ id }) => id !== first.id);
    const waiting = jobsThatWait(first, others);
    const faults: Finding[] = [];
    for (const { id, path, table } of others) {
      const job = `job ${quote(id)} that`;
      if (!waiting.has(id)) {
        const place = table.needs === undefined ? path : [...path, "needs"];
        const found = `${job} does not wait for ${quote(first.id)}`;
        const expected = `a need of ${quote(first.id)}, directly or through other jobs`;
        faults.push(breach(place, found, expected, `Add needs: ${first.id} to job ${quote(id)}`));
      }
      if (outlivesFailure(table.if)) {
        const found = `${job} may run after a failure, if: ${quote(String(table.if))}`;
        const remedy = "Remove the status function from the condition";
        const expected = `the success of ${quote(first.id)}`;
        faults.push(breach([...path, "if"], found, expected, remedy));
      }
    }
    const list = others.map(({ id }) => id).join(", ");
    const evidence =
      list === ""
        ? `${first.id} is the only job`
        : `${list} ${others.length === 1 ? "waits" : "wait"} for ${first.id}`;
    return orEvidence(faults, evidence, first.path);
  }

  function checkJobs(): Finding[] {
    const jobs = Object.entries(asTable(document.at(["jobs"])) ?? {}).map(([id, job]) => ({
      id,
      path: ["jobs", id],
      table: asTable(job) ?? {},
    }));
    const [best] = jobs
      .map((job) => ({
        job,
        at: [job.table.steps].flat().findIndex((step) => names(step, script)),
      }))
      .filter(({ at }) => at >= 0)
      .map(({ job, at }) => ({ job, at, faults: checkFirstJob(job, at) }))
      .sort((a, b) => a.faults.length - b.faults.length);
    if (best === undefined) {
      const remedy = `Add a first job: uses: actions/checkout, then run: ${documentedCommand}`;
      return [breach(["jobs"], `no job that runs ${check}`, "a first one", remedy)];
    }
    const { job, at, faults } = best;
    const run = [...job.path, "steps", at, "run"];
    const evidence = `${job.id} runs ${String(document.at(run)).trim()}`;
    return [...orEvidence(faults, evidence, run, 0), ...checkNeeds(job, jobs)];
  }

  return [...checkTrigger(), ...checkWorkflowKeys(), ...checkJobs()];
}

/**
 * Returns the jobs that start only after the first one, directly or through others. Leaves out a job that
 * also needs one that does not wait, or is in a cycle, or is missing.
 */
function jobsThatWait(first: Job, others: readonly Job[]): ReadonlySet<string> {
  const waiting = new Set<string>();
  for (let before = -1; before !== waiting.size; ) {
    before = waiting.size;
    for (const { id, table } of others) {
      const needs = [table.needs ?? []].flat().map(String);
      if (needs.length > 0 && needs.every((need) => need === first.id || waiting.has(need))) {
        waiting.add(id);
      }
    }
  }
  return waiting;
}

/** Reports whether a command is the check of the pushed tag, in one of the documented spellings. */
export function isCheckCommand(command: string, check: string): boolean {
  const path = RegExp.escape(check);
  const tag = String.raw`("?)\$(?:GITHUB_REF_NAME|\{GITHUB_REF_NAME\})\1`;
  return new RegExp(
    `^(?:bun(?: (?:${switches.join("|")}))* ${path}\\.ts|${path}\\.sh) ${tag}$`,
  ).test(command);
}

/** Returns the keys of a mapping that are not allowed, or none if the value is not a mapping. */
function strayKeys(value: unknown, allowed: string): string[] {
  return Object.keys(asTable(value) ?? {}).filter((key) => !allowed.split(" ").includes(key));
}

/** Reports whether a step names a script. */
function names(step: unknown, script: string): boolean {
  const { run } = asTable(step) ?? {};
  return new RegExp(`(?<![\\w-])${RegExp.escape(script)}(?![\\w-])`).test(String(run ?? ""));
}

function outlivesFailure(condition: unknown): boolean {
  return statusFunction.test(String(condition ?? "").replace(/'(?:[^']|'')*'/g, "''"));
}

/**
 * Returns the place of the key, or of the list item, at the end of a path.
 *
 * @param offset UTF-16 offset inside the text at the path, for a place in that text.
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
  if (!isItem) {
    return document.place(path);
  }
  // A list item that is a mapping begins with its first key.
  const [first] = Object.keys(asTable(value) ?? {});
  return first === undefined
    ? placeOf(document, path.slice(0, -1))
    : document.place([...path, first]);
}
