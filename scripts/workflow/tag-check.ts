/**
 * The job that checks the pushed tag: one that needs no other, whose step runs the check on the tag
 * and cannot be skipped, ignored or answered by something else.
 *
 * The check has to be a command of its own, on the outermost level of a shell that stops at errors.
 * What programs, sourced files and variables such as PATH may do before it is not judged; a step or a
 * command before it is a warning.
 */

import { posix } from "node:path";
import { asTable, type Path } from "../lib/files/document.ts";
import { type Finding, notice, quote, warning } from "../lib/finding.ts";
import type { Tree } from "../lib/tree.ts";
import { breach, type Guarded } from "./breach.ts";
import { alwaysHolds } from "./condition.ts";
import { isPushedTag } from "./pushed-tag.ts";
import { readShell, type ShellCommand, type ShellScript } from "./shell.ts";
import { type Job, type Part, placeOf, type Step, type Workflow } from "./workflow.ts";

/** What became of the search: the job that checks the tag, or means to, and what was found. */
export interface TagCheck {
  readonly job: Job | undefined;
  readonly findings: readonly Finding[];
}

/** A command that names the check; none if the step does so in a text. */
interface Attempt {
  readonly job: Job;
  readonly step: Step;
  readonly script: ShellScript;
  readonly command: ShellCommand | undefined;
}

/** Finds the job that checks the pushed tag; of failed attempts, the one with the fewest faults. */
export async function findTagCheck(
  tree: Tree,
  workflow: Workflow,
  guarded: Guarded,
): Promise<TagCheck> {
  const judged = attemptsOf(workflow, guarded).map((attempt) => ({
    attempt,
    faults: faultsOf(attempt, workflow, guarded),
  }));
  const [best] = judged.toSorted((a, b) => a.faults.length - b.faults.length);
  if (best === undefined) {
    const at = placeOf(workflow.document, ["jobs"]);
    const remedy = `Add a first job that runs ${remedyFor(guarded)}`;
    const expected = "one that every other job needs";
    const found = `no job that runs ${guarded.check}`;
    return { job: undefined, findings: [breach(guarded.file, found, expected, { at, remedy })] };
  }
  const { attempt, faults } = best;
  return {
    job: attempt.job,
    findings: faults.length > 0 ? faults : await evidence(tree, attempt, workflow, guarded),
  };
}

/** Switches of Bun by which no file of the checkout changes what it runs: the only ones accepted. */
const switches = ["--no-env-file", "--config=/dev/null", "--tsconfig-override=/dev/null"];

const remedyFor = ({ check }: Guarded) =>
  `bun ${switches.join(" ")} ${check}.ts "$GITHUB_REF_NAME"`;

function attemptsOf({ jobs }: Workflow, { check }: Guarded): Attempt[] {
  const named = new RegExp(`\\b${RegExp.escape(posix.basename(check))}(?![\\w-])`);
  return jobs.flatMap((job) =>
    job.steps.flatMap((step) => {
      const script = readShell(step.run ?? "");
      if (!named.test(script.code)) {
        return [];
      }
      const commands = script.commands.filter(({ words }) =>
        words.some(({ raw }) => named.test(raw)),
      );
      return (commands.length > 0 ? commands : [undefined]).map((command) => ({
        job,
        step,
        script,
        command,
      }));
    }),
  );
}

async function evidence(tree: Tree, attempt: Attempt, workflow: Workflow, guarded: Guarded) {
  const { file } = guarded;
  const { job, step, script, command } = attempt;
  const { document } = workflow;
  const at = placeOf(document, [...step.path, "run"], command?.words[0].offset);
  const path = calledBy(attempt, workflow) ?? "";
  const program = (command && callOf(command))?.program ?? "";
  const isThere = (await tree.list(path)).length > 0;
  const earlier = job.steps
    .slice(0, job.steps.indexOf(step))
    .filter(({ uses }) => !preparation.test(uses ?? ""));
  const first =
    command && commandsBefore(command, script).find((each) => !isHarmless(each, command));
  return [
    notice(`${file}: ${job.id} runs ${shownCommand(command)}`, { at }),
    // A check that is not there fails every run: nothing is released unchecked, or at all.
    ...(isThere
      ? []
      : [
          warning(`Every run of ${file} will fail: there is no ${path}`, {
            at,
            remedy: `Commit ${path}, or call the check in its other spelling`,
          }),
        ]),
    ...(/^(?:bash|sh)$/.test(program) && path.endsWith(".ts")
      ? [
          warning(`Every run of ${file} will fail: no shell runs ${path}`, {
            at,
            remedy: `Write ${remedyFor(guarded)}`,
          }),
        ]
      : []),
    ...earlier.map((each) =>
      warning(`A step of ${job.id} in ${file} runs before the tag is checked`, {
        at: placeOf(document, each.path),
        remedy: moveBehind,
      }),
    ),
    ...(first === undefined
      ? []
      : [
          warning(`A command of ${job.id} in ${file} runs before the tag is checked`, {
            at: placeOf(document, [...step.path, "run"], first.words[0].offset),
            remedy: moveBehind,
          }),
        ]),
  ];
}

const moveBehind = "Move it behind the check, unless the check needs it";

/** Whether a command only tells or asks something, or sets a variable that the check names. */
function isHarmless({ words }: ShellCommand, check: ShellCommand): boolean {
  const raws = words.map(({ raw }) => raw);
  const [name = ""] = raws;
  const values = /^(?:export|readonly)$/.test(name) ? raws.slice(1) : raws;
  const used = namesIn(check);
  return (
    ["echo", "set", "test", "[", "[[", ":", "true", "exit"].includes(name) ||
    values.every((raw) => /^\w+=/.test(raw) && used.has(raw.replace(/=[\s\S]*/, "")))
  );
}

/** The variables that a call of the check may depend on. */
function namesIn({ words }: ShellCommand): ReadonlySet<string> {
  const named = words.flatMap(({ raw }) => raw.match(/(?<=\$\{?)\w+/g) ?? []);
  return new Set(["GITHUB_REF", "GITHUB_REF_NAME", ...named]);
}

function shownCommand(command: ShellCommand | undefined): string {
  return command?.words.map(({ raw }) => raw).join(" ") ?? "";
}

/** Actions that only prepare the runner. */
const preparation = /^(?:actions\/checkout|[\w.-]+\/setup-[\w.-]+|step-security\/harden-runner)@/i;

type Fault = (path: Path, found: string, expected: string, remedy: string) => Finding;

function faultsOf(attempt: Attempt, workflow: Workflow, guarded: Guarded): Finding[] {
  const { job, step } = attempt;
  const fault: Fault = (path, found, expected, remedy) =>
    breach(guarded.file, found, expected, { at: placeOf(workflow.document, path), remedy });
  const shownJob = `job ${quote(job.id)}, which checks the tag`;
  return [
    ...needsFaults(job, shownJob, fault),
    ...skipFaults(job, shownJob, fault),
    ...skipFaults(step, "the step that checks the tag", fault),
    ...shellFaults(attempt, workflow, fault),
    ...checkoutFaults(attempt, fault),
    ...callFaults(attempt, workflow, guarded),
  ];
}

function needsFaults(job: Job, shown: string, fault: Fault): Finding[] {
  const [need] = job.needs;
  return need === undefined
    ? []
    : [
        fault(
          need.path,
          `${shown}, in need of ${quote(need.id)}`,
          "a first job without needs",
          `Remove needs from ${job.id}, and let the other jobs need it`,
        ),
      ];
}

/** What lets a job or a step be skipped, or fail without consequence. */
function skipFaults({ path, table }: Part, shown: string, fault: Fault): Finding[] {
  const { if: condition, "continue-on-error": goesOn = false } = table;
  const faults: Finding[] = [];
  if (!alwaysHolds(condition)) {
    const found = `${shown}, under if: ${quote(String(condition))}`;
    faults.push(fault([...path, "if"], found, "no condition", "Remove the if"));
  }
  if (goesOn !== false) {
    const found = `${shown}, with continue-on-error: ${String(goesOn)}`;
    const key = [...path, "continue-on-error"];
    faults.push(fault(key, found, "a failure that stops the release", "Remove continue-on-error"));
  }
  return faults;
}

/** A setting of a step, of the defaults of its job, or of those of the workflow. */
function settingOf(name: string, { job, step }: Attempt, workflow: Workflow) {
  const defaultsIn = ({ table }: Part) => asTable(asTable(table.defaults)?.run)?.[name];
  return step.table[name] ?? defaultsIn(job) ?? defaultsIn(workflow);
}

function shellFaults(attempt: Attempt, workflow: Workflow, fault: Fault): Finding[] {
  const shell = settingOf("shell", attempt, workflow);
  const isWindows = /windows/i.test(JSON.stringify(attempt.job.table["runs-on"] ?? ""));
  if (shell === undefined ? !isWindows : stopsAtErrors(String(shell))) {
    return [];
  }
  const { table, path } = attempt.step;
  return [
    fault(
      [...path, table.shell === undefined ? "run" : "shell"],
      `the tag check in the shell ${quote(String(shell ?? "pwsh"))}`,
      "bash or sh, stopping at errors",
      "Set shell: bash on the step",
    ),
  ];
}

/** GitHub runs `bash` and `sh` with `-e`; another command line has to say so. */
function stopsAtErrors(shell: string): boolean {
  return (
    /^(?:bash|sh)$/.test(shell) ||
    (/^(?:bash|sh)(?: --?[a-z]+| pipefail)* \{0\}$/.test(shell) && / -[a-z]*e[a-z]* /.test(shell))
  );
}

const expression = (name: string) => `\${{github.${name}}}`;
const tag = expression("ref_name");
/** What names the pushed tag, and this repository, among the inputs of a checkout. */
const own: ReadonlyMap<string, readonly string[]> = new Map([
  ["ref", ["", tag, `refs/tags/${tag}`, expression("ref"), expression("sha")]],
  ["repository", ["", expression("repository")]],
]);

/** A checkout of something else than the pushed tag lets the check pass on another tree. */
function checkoutFaults({ job, step }: Attempt, fault: Fault): Finding[] {
  return job.steps.slice(0, job.steps.indexOf(step)).flatMap((each) => {
    const inputs = Object.entries(asTable(each.table.with) ?? {});
    const paths = inputs.filter(([key]) => key.toLowerCase() === "path");
    const isBeside = paths.length > 0 && paths.every(([, value]) => isFolderInside(value));
    if (!checkout.test(each.uses ?? "") || isBeside) {
      return [];
    }
    const others = inputs.filter(([key, value]) => {
      const accepted = own.get(key.toLowerCase());
      return accepted?.includes(String(value ?? "").replace(/\s/g, "")) === false;
    });
    return others.map(([key, value]) =>
      fault(
        [...each.path, "with", key],
        `${key} ${quote(String(value))} checked out before the tag check`,
        "the pushed tag",
        `Remove ${key} from the checkout`,
      ),
    );
  });
}

/** GitHub reads the names of actions, and of their inputs, in any case. */
const checkout = /^actions\/checkout(?:\/[^@]*)?@/i;

/** Whether a path certainly leads to a folder of the workspace, and not to the workspace itself. */
function isFolderInside(path: unknown): boolean {
  const text = String(path ?? "").trim();
  return !/^\/|[$:\\]/.test(text) && /^[^.]|^\.[^./]/.test(posix.normalize(text));
}

function callFaults(attempt: Attempt, workflow: Workflow, guarded: Guarded): Finding[] {
  const { step, script, command } = attempt;
  const remedy = `Write it on a line of its own: ${remedyFor(guarded)}`;
  function fault(found: string, expected: string, offset: number): Finding {
    const at = placeOf(workflow.document, [...step.path, "run"], offset);
    return breach(guarded.file, found, expected, { at, remedy });
  }
  if (command === undefined) {
    const offset = script.code.indexOf(posix.basename(guarded.check));
    return [fault(`${guarded.check} named in a text`, "a command that runs it", offset)];
  }
  const [{ offset }] = command.words;
  const misuse = misuseIn(command, attempt, workflow, guarded);
  const hazard = hazardIn(commandsBefore(command, script), command);
  return [
    ...(misuse === undefined ? [] : [fault(misuse.found, misuse.expected, offset)]),
    ...(standsAlone(command, script)
      ? []
      : [
          fault(
            `${quote(shownCommand(command))} as a part of something else`,
            "a command of its own, whose failure ends the step",
            offset,
          ),
        ]),
    ...(hazard === undefined
      ? []
      : [
          fault(
            `${quote(shownCommand(hazard))} before the tag check`,
            "nothing that may skip it, redirect it, hide its failure or change what it judges",
            hazard.words[0].offset,
          ),
        ]),
  ];
}

/** What a command does instead of calling the check on the pushed tag. */
function misuseIn(
  command: ShellCommand,
  attempt: Attempt,
  workflow: Workflow,
  { check, tagPrefix }: Guarded,
): { found: string; expected: string } | undefined {
  const path = calledBy(attempt, workflow) ?? "";
  // Of a shell script Bun has a reading of its own, which goes on after a failure.
  const isBun = /^(?:bun|npx)$/.test(callOf(command)?.program ?? "");
  if (![...(isBun ? [] : [`${check}.sh`]), `${check}.ts`].includes(path)) {
    return { found: quote(shownCommand(command)), expected: `a call of ${check}.sh or .ts` };
  }
  const given = callOf(command)?.operands.filter((raw) => raw !== "--json" && raw !== "--") ?? [];
  const [operand = "nothing", ...more] = given;
  const variables = {
    script: attempt.script,
    earlier: commandsBefore(command, attempt.script),
    settled: (name: string) => environment(name, attempt, workflow),
  };
  if (more.length === 0 && isPushedTag(operand, tagPrefix, variables)) {
    return undefined;
  }
  const found = given.length === 0 ? operand : quote(given.join(" "));
  return {
    found: `the tag check on ${found}`,
    expected: 'the pushed tag, "$GITHUB_REF_NAME", alone',
  };
}

function commandsBefore(command: ShellCommand, { commands }: ShellScript): ShellCommand[] {
  return commands.slice(0, commands.indexOf(command));
}

/** What the workflow sets as an environment variable of a step. */
function environment(name: string, { step, job }: Attempt, workflow: Workflow): unknown {
  return [step, job, workflow]
    .map(({ table }) => asTable(table.env)?.[name])
    .find((value) => value !== undefined);
}

interface Call {
  readonly program: string;
  readonly script: string;
  readonly operands: readonly string[];
}

/** How a script is started: by itself, or by a shell or Bun. */
const starters = [
  /^(?:bash|sh)(?: -[eux]+| -[eux]*o pipefail)* /,
  new RegExp(
    `^(?:npx (?:(?:--yes|-y) )?bun@\\S+|bun)(?: run)?(?: (?:${switches.map(RegExp.escape).join("|")}))* `,
  ),
];

/** What a command calls; a call whose first words are no starter calls its first word. */
function callOf({ words }: ShellCommand): Call | undefined {
  const raws = words.map(({ raw }) => raw);
  const first = raws.findIndex((raw) => !/^\w+=/.test(raw));
  const parts = first < 0 ? [] : raws.slice(first);
  const line = parts.join(" ");
  const started = starters.map((each) => each.exec(line)?.[0]).find((each) => each !== undefined);
  const skipped = started === undefined ? 0 : started.split(" ").length - 1;
  const [script, ...operands] = parts.slice(skipped);
  return script === undefined ? undefined : { program: parts[0] ?? "", script, operands };
}

/** The path of the script that an attempt calls, from the top of the checkout. */
function calledBy(attempt: Attempt, workflow: Workflow): string | undefined {
  const call = attempt.command && callOf(attempt.command);
  const folder = String(settingOf("working-directory", attempt, workflow) ?? "");
  return call && pathIn(folder, call.script);
}

/** The path from the top of the checkout that a word in a folder names. */
function pathIn(folder: string, word: string): string {
  const workspace =
    /^(?:\$GITHUB_WORKSPACE|\$\{GITHUB_WORKSPACE\}|\$\{\{\s*github\.workspace\s*\}\})/;
  const bare = (text: string) => text.replace(/["']/g, "");
  const inside = bare(word).replace(workspace, ".");
  return posix.normalize(
    inside === bare(word) ? posix.join(bare(folder).replace(workspace, "."), inside) : inside,
  );
}

/** Operators between which a command stands alone. */
const ends = ["", "\n", ";"];

/** Whether a failure of the command ends the script; `|| exit 1` ends it, too. */
function standsAlone(command: ShellCommand, { commands }: ShellScript): boolean {
  const { before, after, nested } = command;
  const next = commands[commands.indexOf(command) + 1];
  const [program, code = "1"] = next?.words.map(({ raw }) => raw) ?? [];
  const exits =
    after === "||" &&
    program === "exit" &&
    /^(?:[1-9][0-9]?|\$\?)$/.test(code) &&
    ends.includes(next?.after ?? "");
  return !nested && [...ends, "&"].includes(before) && (exits || ends.includes(after));
}

/** A command that lets the check be skipped, judge something else, or fail without consequence. */
function hazardIn(
  commands: readonly ShellCommand[],
  check: ShellCommand,
): ShellCommand | undefined {
  const program = callOf(check)?.program ?? "";
  let lenient: ShellCommand | undefined;
  for (const command of commands) {
    const [name = "", ...operands] = command.words.map(({ raw }) => raw);
    if (name === "set") {
      const text = operands.join(" ");
      if (/(?:^| )-[a-z]*(?:n|o noexec)/.test(text)) {
        return command;
      }
      if (/(?:^| )\+[a-z]*e|\+o errexit/.test(text)) {
        lenient = command;
      } else if (/(?:^| )-[a-z]*e|-o errexit/.test(text)) {
        lenient = undefined;
      }
    } else if (
      (name === "exit" && !/^[1-9][0-9]?$/.test(operands[0] ?? "")) ||
      (name === "exec" && operands.length > 0) ||
      (name === "trap" && /\b(?:exit|exec)\b/.test(operands[0] ?? "")) ||
      ["cd", "pushd", "popd", "alias"].includes(name) ||
      changesFiles(command) ||
      setsNameIn(command, check) ||
      (name === program && command.after === "(") ||
      (name === "function" && operands[0] === program)
    ) {
      return command;
    }
  }
  return lenient;
}

/** Whether git may put other files into the checkout. */
function changesFiles({ words }: ShellCommand): boolean {
  const parts = words.map(({ raw }) => raw.replace(/["'\\]/g, ""));
  const git = parts.findIndex((part) => /^(?:.*\/)?git$/.test(part));
  return git >= 0 && parts.slice(git + 1).some((part) => checkouts.has(part));
}

const checkouts = new Set([
  ...["checkout", "switch", "reset", "restore", "worktree", "read-tree", "checkout-index"],
  ...["pull", "merge", "rebase", "cherry-pick", "revert", "stash", "apply", "am"],
]);

/** Whether a builtin of the shell may set a variable that the check names. */
function setsNameIn({ words: [program, ...operands] }: ShellCommand, check: ShellCommand): boolean {
  const used = namesIn(check);
  return (
    /^(?:read|mapfile|readarray|unset|printf|getopts|for|select|declare|typeset|local|let)$/.test(
      program.raw,
    ) && operands.some(({ raw }) => used.has(raw.replace(/["'\\]|^-[a-z]*v|[[=+][\s\S]*/g, "")))
  );
}
