/**
 * Files of the current folder that Bun reads before the first line of a script: `bunfig.toml` may
 * preload code or redefine names, and `.env` files add to the environment. Bun reads no other of
 * them when it runs a script, not the home's either.
 */

import { existsSync, readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import {
  error,
  type Finding,
  LocatedSyntaxError,
  type Place,
  quote,
  shellWord,
} from "../finding.ts";
import type { Environment } from "../process.ts";
import { source } from "../tree.ts";
import { reason } from "./files.ts";

const configuration = "bunfig.toml";

/** Keys of `bunfig.toml` that change nothing for a script. */
const harmlessKeys = /^(?:install|test|telemetry)$/;

/** Variables that change what git, Bun or these scripts do; an application's own are not judged. */
const steeringVariables =
  /^(?:GIT_.*|SSH_.*|BUN_.*|GNUPGHOME|LEDGER|PATH|HOME|TMPDIR|NODE_OPTIONS|GITHUB_(?:ACTIONS|BASE_REF|STEP_SUMMARY))$/;

/** A cause of a refusal. */
interface Cause {
  readonly found: string;
  readonly expected: string;
  readonly at: Place;
}

/**
 * Finds what Bun has read in the current folder and may change what this run does.
 *
 * @param script The script's path from the top level.
 * @param switches The options of Bun that this run was started with.
 */
export async function checkRuntimeFiles(
  script: string,
  cwd: string,
  env: Environment,
  switches: readonly string[],
): Promise<readonly Finding[]> {
  const given = inOneWord(switches);
  const present = filesReadBy(given, cwd, env).filter((name) => existsSync(`${cwd}/${name}`));
  if (present.length === 0) {
    return [];
  }
  const causes = (await Promise.all(present.map((name) => causesIn(name, cwd)))).flat();
  const isFromConfiguration = ({ at }: Cause) => at.file === configuration;
  const isRefused = ({ at }: Cause, name: string) => resolve(cwd, at.file) === resolve(cwd, name);
  const needed = [
    // Bun loads the files that it is given, whatever other switches say.
    ...given.filter(
      (each) => !envFilesOf(each).some((name) => causes.some((cause) => isRefused(cause, name))),
    ),
    ...(causes.some(isFromConfiguration) ? ["--config=/dev/null"] : []),
    ...(causes.every(isFromConfiguration) ? [] : ["--no-env-file"]),
  ];
  const remedy = `Start the script with these switches of Bun: bun ${needed.map(shellWord).join(" ")} ${script} ...`;
  return causes.map(({ found, expected, at }) =>
    error(`Cannot trust this run: found ${found}, expected ${expected}`, { at, remedy }),
  );
}

/** Switches of Bun, each in one word. */
function inOneWord(switches: readonly string[]): string[] {
  return switches.flatMap((each, index) => {
    const isApart = each === "--env-file";
    const word = isApart ? `${each}=${switches[index + 1] ?? ""}` : each;
    return switches[index - 1] === "--env-file" ? [] : [word];
  });
}

/** The files that a switch has Bun load into the environment. */
function envFilesOf(word: string): string[] {
  const prefix = "--env-file=";
  return word.startsWith(prefix) ? word.slice(prefix.length).split(",") : [];
}

/**
 * The names that Bun looks for, unless a switch says otherwise, and may name them itself. Of switches
 * for `bunfig.toml` the last counts, of those for `.env` files each one that names a file.
 */
function filesReadBy(switches: readonly string[], cwd: string, env: Environment): string[] {
  const isAmong = (name: string, given: readonly string[]) =>
    given.some((each) => resolve(cwd, each) === resolve(cwd, name));
  const last = switches.findLast((each) => /^(?:--config(?:=|$)|-c)/.test(each)) ?? "";
  const [, config = configuration] = /^--config=(.+)$/s.exec(last) ?? [];
  const isDisarmed = switches.some((each) => /^--(?:no-env-file$|env-file=)/.test(each));
  const loaded = switches.flatMap(envFilesOf);
  // A loaded file may itself set NODE_ENV, so that the mode which Bun chose is no longer known.
  const modes = ["development", "production", "test"].filter(
    (mode) => isDisarmed || mode === "development" || mode === env.BUN_ENV || mode === env.NODE_ENV,
  );
  const files = ["", ...modes.map((mode) => `.${mode}`)].flatMap((suffix) => [
    `.env${suffix}`,
    `.env${suffix}.local`,
  ]);
  return [
    ...(isAmong(configuration, [config]) ? [configuration] : []),
    ...files.filter((name) => !isDisarmed || isAmong(name, loaded)),
  ];
}

async function causesIn(name: string, cwd: string): Promise<Cause[]> {
  try {
    const state = statSync(`${cwd}/${name}`);
    if (state.isDirectory()) {
      return [];
    }
    if (!state.isFile()) {
      return [{ found: `no regular file in ${name}`, expected: "one", at: { file: name } }];
    }
    const bytes = readFileSync(`${cwd}/${name}`);
    return name === configuration ? await keysIn(bytes) : variablesIn(name, bytes);
  } catch (thrown) {
    const found = `${name}, which Bun has read, unreadable here: ${reason(thrown)}`;
    const at = thrown instanceof LocatedSyntaxError ? thrown.at : { file: name };
    return [{ found, expected: "a readable one", at }];
  }
}

async function keysIn(bytes: Uint8Array): Promise<Cause[]> {
  const { asTable, parseToml } = await import("../files/document.ts");
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const document = parseToml(source(configuration, decoder.decode(bytes)));
  return Object.keys(asTable(document.data) ?? {})
    .filter((key) => !harmlessKeys.test(key))
    .map((key) => ({
      found: `${quote(key)}, which Bun has read`,
      expected: "only install, test and telemetry",
      at: document.place([key]),
    }));
}

function variablesIn(name: string, bytes: Buffer): Cause[] {
  // Bun's own reader of such files.
  const { parseEnv } = process.getBuiltinModule("node:util");
  return Object.keys(parseEnv(bytes.toString().replace(/^\ufeff/, "")))
    .filter((variable) => steeringVariables.test(variable))
    .map((variable) => ({
      found: `${quote(variable)}, which Bun has loaded`,
      expected: "no variable that changes git, Bun or these scripts",
      at: { file: name },
    }));
}
