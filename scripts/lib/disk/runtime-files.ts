/**
 * Checks the files of the current folder that Bun reads before it runs a script: `bunfig.toml` can
 * preload code or redefine names, and `.env` files change the environment. Bun reads these files in
 * no other folder, not even in the home folder.
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

/** Keys of `bunfig.toml` that have no effect on a script. */
const harmlessKeys = /^(?:install|test|telemetry)$/;

/** Variables that change the behaviour of git, Bun or these scripts. */
const refusedVariables =
  /^(?:GIT_.*|SSH_.*|BUN_.*|GNUPGHOME|LEDGER|PATH|HOME|TMPDIR|NODE_OPTIONS|GITHUB_(?:ACTIONS|BASE_REF|STEP_SUMMARY))$/;

/** A key or variable that is refused. */
interface Cause {
  readonly found: string;
  readonly expected: string;
  readonly at: Place;
}

/**
 * Returns an error for everything that Bun has read in the current folder and that may change the
 * behaviour of this run.
 *
 * @param command The script's path from the top level, and its arguments.
 * @param switches The options that were passed to Bun.
 */
export async function checkRuntimeFiles(
  command: readonly string[],
  cwd: string,
  env: Environment,
  switches: readonly string[],
): Promise<readonly Finding[]> {
  const given = inOneWord(switches);
  const present = filesReadBy(given, cwd, env).filter((name) => existsSync(`${cwd}/${name}`));
  const causes = (await Promise.all(present.map((name) => causesIn(name, cwd)))).flat();
  const isFromConfiguration = ({ at }: Cause) => at.file === configuration;
  const isRefused = (name: string) =>
    causes.some(({ at }) => resolve(cwd, at.file) === resolve(cwd, name));
  const needed = [
    // Bun loads the files of --env-file even with --no-env-file.
    ...given.filter((each) => !envFilesOf(each).some(isRefused)),
    ...(causes.some(isFromConfiguration) ? ["--config=/dev/null"] : []),
    ...(causes.every(isFromConfiguration) ? [] : ["--no-env-file"]),
  ];
  const words = ["bun", ...needed, ...command].map(shellWord).join(" ");
  const remedy = `Start the script with these switches of Bun: ${words}`;
  return causes.map(({ found, expected, at }) =>
    error(`Cannot trust this run: found ${found}, expected ${expected}`, { at, remedy }),
  );
}

/** Returns options of Bun, with `--env-file FILE` joined to one word. */
function inOneWord(switches: readonly string[]): string[] {
  return switches.flatMap((each, index) => {
    const isApart = each === "--env-file";
    const word = isApart ? `${each}=${switches[index + 1] ?? ""}` : each;
    return switches[index - 1] === "--env-file" ? [] : [word];
  });
}

/** Returns the files that an option makes Bun load into the environment. */
function envFilesOf(word: string): string[] {
  const prefix = "--env-file=";
  return word.startsWith(prefix) ? word.slice(prefix.length).split(",") : [];
}

/**
 * Returns the names of the files that Bun reads with some options. The last `--config` replaces
 * `bunfig.toml`. `--no-env-file` and `--env-file` turn off the default `.env` files, but each
 * `--env-file` may name one of them.
 */
function filesReadBy(switches: readonly string[], cwd: string, env: Environment): string[] {
  const isAmong = (name: string, given: readonly string[]) =>
    given.some((each) => resolve(cwd, each) === resolve(cwd, name));
  const last = switches.findLast((each) => /^(?:--config(?:=|$)|-c)/.test(each)) ?? "";
  const [, config = configuration] = /^--config=(.+)$/s.exec(last) ?? [];
  const isDisarmed = switches.some((each) => /^--(?:no-env-file$|env-file=)/.test(each));
  const loaded = switches.flatMap(envFilesOf);
  // A loaded file may set NODE_ENV, so the mode that Bun has chosen is not known for certain.
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
  // Bun parses these files with the same function.
  const { parseEnv } = process.getBuiltinModule("node:util");
  return Object.keys(parseEnv(bytes.toString().replace(/^\ufeff/, "")))
    .filter((variable) => refusedVariables.test(variable))
    .map((variable) => ({
      found: `${quote(variable)}, which Bun has loaded`,
      expected: "no variable that changes git, Bun or these scripts",
      at: { file: name },
    }));
}
