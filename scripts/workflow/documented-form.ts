/**
 * Checks the only accepted form of a release workflow (docs/adopting.md): only its tags start it, the
 * first job checks the pushed tag, and every other job waits for the success of that job. Every other
 * form is refused, harmful or not, so that no shell command has to be analysed.
 */

import { posix } from "node:path";
import { asTable, type Document, type Path } from "../lib/files/document.ts";
import { error, type Finding, notice, quote } from "../lib/finding.ts";
import { placeOf } from "./yaml.ts";

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

  function breach(path: Path, found: string, expected: string, remedy: string): Finding {
    const message = `Cannot accept ${file}: found ${found}, expected ${expected}`;
    return error(message, { at: placeOf(document, path), remedy });
  }

  function checkTrigger(): Finding[] {
    const remedy = `Write on: push: tags: ["${tagPrefix}*"] and no other trigger`;
    const expected = `only pushes of ${tagPrefix}* tags`;
    const stray = (path: Path, allowed: string) =>
      strayKeys(document.at(path), allowed).map((key) =>
        breach([...path, key], `${key} as a trigger`, expected, remedy),
      );
    const faults = [...stray(["on"], "push"), ...stray(["on", "push"], "tags")];
    const tags = document.at(["on", "push", "tags"]);
    const patterns = Array.isArray(tags) ? tags : [tags];
    if (patterns.length !== 1 || patterns[0] !== `${tagPrefix}*`) {
      const on = document.at(["on"]);
      const found =
        tags !== undefined
          ? `the tags ${JSON.stringify(tags)}`
          : asTable(on) === undefined && on !== undefined
            ? `the trigger ${JSON.stringify(on)}`
            : "no tags on push";
      const path = ["on", "push", "tags"].slice(0, tags === undefined ? 1 : 3);
      faults.push(breach(path, found, expected, remedy));
    }
    return faults.length > 0
      ? faults
      : [
          notice(`${file}: starts only on tags "${tagPrefix}*"`, {
            at: placeOf(document, ["on", "push", "tags"]),
          }),
        ];
  }

  /** Refuses variables and defaults of all jobs that could change what the check runs. */
  function checkWorkflowKeys(): Finding[] {
    const names = Object.keys(asTable(document.at(["env"])) ?? {});
    const paths = [
      ...names.filter((name) => steeringVariable.test(name)).map((name) => ["env", name]),
      ...(document.at(["env"]) === undefined || asTable(document.at(["env"])) ? [] : [["env"]]),
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

  function checkFirstJob({ id, path, table }: Job, steps: readonly unknown[]): Finding[] {
    const shown = `job ${quote(id)}, which checks the tag`;
    const at = steps.findIndex((step) => names(step, script));
    const faults = strayKeys(table, jobKeys).map((key) =>
      breach([...path, key], `${key} in ${shown}`, "none", `Remove ${key} from job ${quote(id)}`),
    );
    const runner = JSON.stringify(table["runs-on"] ?? "");
    if (/windows|\$\{\{/i.test(runner)) {
      // PowerShell knows no $GITHUB_REF_NAME, and does not stop at an error.
      const expected = "a runner of Linux or macOS, by its name";
      const remedy = "Write runs-on: ubuntu-latest";
      faults.push(breach([...path, "runs-on"], `runs-on ${runner} in ${shown}`, expected, remedy));
    }
    for (const [index, step] of steps.entries()) {
      const here = [...path, "steps", index];
      if (index < at) {
        faults.push(...checkPreparation(here, asTable(step) ?? {}, index));
      } else if (index === at) {
        faults.push(...checkCommand(here, asTable(step) ?? {}));
      } else if (outlivesFailure(asTable(step)?.if)) {
        faults.push(
          breach(
            [...here, "if"],
            `a step of ${shown}, that may run after a failure`,
            "none with a status function",
            "Move the step to another job, or remove the status function",
          ),
        );
      }
    }
    if (at === 0) {
      const remedy = `Add uses: actions/checkout before it`;
      faults.push(breach([...path, "steps", 0], `no checkout in ${shown}`, "one", remedy));
    }
    return faults;
  }

  /** Checks a step before the check: the first must be a checkout of the tag's commit, others set up Bun. */
  function checkPreparation(path: Path, step: Table, index: number): Finding[] {
    const action = /^(actions\/checkout|oven-sh\/setup-bun)@\S+$/.exec(String(step.uses))?.[1];
    if (action === undefined || (index === 0) !== (action === "actions/checkout")) {
      return [
        breach(
          path,
          `another step before the tag check`,
          "actions/checkout, then at most oven-sh/setup-bun",
          "Move the step after the check, or to another job",
        ),
      ];
    }
    const inputs = [...path, "with"];
    const strayInputs =
      action === "actions/checkout" ? strayKeys(document.at(inputs), checkoutInputs) : [];
    return [
      ...strayKeys(step, actionKeys).map((key) => [...path, key]),
      ...strayInputs.map((key) => [...inputs, key]),
    ].map((each) =>
      breach(
        each,
        `${each.at(-1)} in the step that uses ${action}`,
        "none before the tag check",
        `Remove ${each.at(-1)}: the check must read the commit of the pushed tag`,
      ),
    );
  }

  function checkCommand(path: Path, step: Table): Finding[] {
    const faults = strayKeys(step, runKeys).map((key) =>
      breach([...path, key], `${key} on the tag check`, "none", `Remove ${key} from the step`),
    );
    const run = String(step.run).trim();
    if (!isCheckCommand(run, check)) {
      const remedy = `Write run: ${documentedCommand}, and anything else in a later step`;
      faults.push(breach([...path, "run"], quote(run), "the tag check alone", remedy));
    }
    return faults;
  }

  function checkNeeds(first: Job, jobs: readonly Job[]): Finding[] {
    const others = jobs.filter(({ id }) => id !== first.id);
    const waiting = jobsThatWait(first, jobs);
    const faults = others.flatMap((job) => [
      ...(waiting.has(job.id)
        ? []
        : [
            breach(
              job.table.needs === undefined ? job.path : [...job.path, "needs"],
              `job ${quote(job.id)} that does not wait for ${quote(first.id)}`,
              `a need of ${quote(first.id)}, directly or through other jobs`,
              `Add needs: ${first.id} to job ${quote(job.id)}`,
            ),
          ]),
      ...(outlivesFailure(job.table.if)
        ? [
            breach(
              [...job.path, "if"],
              `job ${quote(job.id)} that may run after a failure, if: ${quote(String(job.table.if))}`,
              `the success of ${quote(first.id)}`,
              "Remove the status function from the condition",
            ),
          ]
        : []),
    ]);
    const list = others.map(({ id }) => id).join(", ");
    const message =
      list === ""
        ? `${first.id} is the only job`
        : `${list} ${others.length === 1 ? "waits" : "wait"} for ${first.id}`;
    return faults.length > 0
      ? faults
      : [notice(`${file}: ${message}`, { at: placeOf(document, first.path) })];
  }

  function checkJobs(): Finding[] {
    const jobs = Object.entries(asTable(document.at(["jobs"])) ?? {}).map(([id, job]) => ({
      id,
      path: ["jobs", id],
      table: asTable(job) ?? {},
    }));
    const candidates = jobs
      .map((job) => ({ job, steps: [job.table.steps ?? []].flat() }))
      .filter(({ steps }) => steps.some((step) => names(step, script)))
      .map(({ job, steps }) => ({ job, faults: checkFirstJob(job, steps) }))
      .sort((a, b) => a.faults.length - b.faults.length);
    const [best] = candidates;
    if (best === undefined) {
      const remedy = `Add a first job: uses: actions/checkout, then run: ${documentedCommand}`;
      return [breach(["jobs"], `no job that runs ${check}`, "a first one", remedy)];
    }
    const { job, faults } = best;
    const index = [job.table.steps].flat().findIndex((step) => names(step, script));
    const run = [...job.path, "steps", index, "run"];
    const evidence = `${file}: ${job.id} runs ${String(document.at(run)).trim()}`;
    return [
      ...(faults.length > 0 ? faults : [notice(evidence, { at: placeOf(document, run, 0) })]),
      ...checkNeeds(job, jobs),
    ];
  }

  return [...checkTrigger(), ...checkWorkflowKeys(), ...checkJobs()];
}

/**
 * Returns the jobs that start only after the first one, directly or through others. Leaves out a job in
 * a cycle, or one that needs a missing job, because it never starts.
 */
function jobsThatWait(first: Job, jobs: readonly Job[]): ReadonlySet<string> {
  const settled = new Set([first.id]);
  const waiting = new Set<string>();
  let open = jobs.filter(({ id }) => id !== first.id);
  for (let before = 0; before !== settled.size; ) {
    before = settled.size;
    for (const { id, table } of open) {
      const needs = [table.needs ?? []].flat().map(String);
      if (needs.every((need) => settled.has(need))) {
        settled.add(id);
        if (needs.some((need) => need === first.id || waiting.has(need))) {
          waiting.add(id);
        }
      }
    }
    open = open.filter(({ id }) => !settled.has(id));
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
