/** Whether a crate's version is on a registry of crates, by its sparse index. */

import type { Answer } from "../lib/answer.ts";
import { asTable } from "../lib/files/document.ts";
import { quote } from "../lib/finding.ts";
import { layout } from "../lib/layout.ts";
import {
  describe,
  type HttpOptions,
  member,
  NoAnswer,
  openHttp,
  request,
  textOf,
} from "../lib/net/http.ts";
import type { Version } from "../lib/version.ts";

/** Statuses with which an index says that there is no such crate (The Cargo Book, Registry index). */
const absentStatuses: ReadonlySet<number> = new Set([404, 410, 451]);

/** A version of a crate, as the index lists it. */
interface Listed {
  readonly cksum: string;
  readonly yanked: boolean;
}

/**
 * Asks a sparse index for one version of a crate.
 *
 * @param index The base URL of the index, with a slash at its end.
 */
export async function askCrate(
  name: string,
  version: Version,
  index: URL,
  http?: HttpOptions,
): Promise<Answer> {
  const question = crateQuestion(name);
  const link =
    index.href === layout.published.crateIndex
      ? { link: `https://crates.io/crates/${name}/versions` }
      : {};
  const answer = (state: Answer["state"], evidence: string, remedy?: string): Answer => ({
    question,
    state,
    evidence,
    ...(remedy === undefined ? {} : { remedy }),
    ...link,
  });
  try {
    const text = await readIndex(name, index, http);
    const listed = text === undefined ? undefined : findVersion(text, name, version);
    if (listed === undefined) {
      const what = text === undefined ? "no such crate" : `no version ${version}`;
      return answer("pending", `the index lists ${what}`, whilePending);
    }
    const shown = `${version} with checksum ${listed.cksum}`;
    return listed.yanked
      ? answer(
          "failed",
          `${shown} is yanked`,
          `If that was a slip: cargo yank --undo --version ${version} ${name}. If not, release the next version`,
        )
      : answer("verified", shown);
  } catch (thrown) {
    if (thrown instanceof NoAnswer || thrown instanceof SyntaxError) {
      const remedy = thrown instanceof NoAnswer ? thrown.remedy : undefined;
      return answer(
        "unknown",
        thrown.message,
        remedy ?? "Check the network and the index, then run the command again",
      );
    }
    throw thrown;
  }
}

/** The label of the question about a crate. */
export function crateQuestion(name: string): string {
  return `crate ${name}`;
}

const whilePending =
  "Wait for publish-crate of release.yml. If it timed out waiting for the index: wait 5 minutes, then re-run the failed job";

/** Where an index keeps a crate, relative to its base (The Cargo Book, Index files). */
export function crateIndexPath(name: string): string {
  const key = name.toLowerCase();
  const folders: readonly string[] =
    key.length > 3
      ? [key.slice(0, 2), key.slice(2, 4)]
      : key.length === 3
        ? ["3", key.slice(0, 1)]
        : [String(key.length)];
  return [...folders, key].join("/");
}

/**
 * The index file of a crate, or undefined if the index has none.
 *
 * @throws {NoAnswer} If the index cannot be relied on.
 */
async function readIndex(
  name: string,
  index: URL,
  options: HttpOptions | undefined,
): Promise<string | undefined> {
  const http = openHttp(options);
  const reply = await request(http, new URL(crateIndexPath(name), index));
  if (reply.status === 200) {
    return textOf(reply);
  }
  if (!absentStatuses.has(reply.status)) {
    throw new NoAnswer(describe(reply));
  }
  // The 404 of another kind of server says nothing about a crate.
  const config = await request(http, new URL("config.json", index));
  if (config.status !== 200 || typeof member(config, "dl") !== "string") {
    throw new NoAnswer(`${describe(reply)}, and has no config.json of a crate index`);
  }
  return undefined;
}

/**
 * A version among the lines of an index file: one JSON object a line, one line a version.
 *
 * @throws {SyntaxError} If it is not told whether the version is there, and which it is.
 */
function findVersion(text: string, name: string, version: Version): Listed | undefined {
  const lines = text.split("\n").map((line, at) => ({ entry: parseLine(line), line, at: at + 1 }));
  const ours = lines.filter(({ entry }) => entry?.vers === version);
  const [first, second] = ours;
  if (first === undefined) {
    // A line that nobody can read may be the one that is looked for.
    const torn = lines.find(
      ({ entry, line }) => line.trim() !== "" && typeof entry?.vers !== "string",
    );
    if (torn !== undefined) {
      throw new SyntaxError(
        `line ${torn.at} of the index file cannot be read: ${quote(torn.line)}`,
      );
    }
    return undefined;
  }
  if (second !== undefined) {
    throw new SyntaxError(
      `lines ${first.at} and ${second.at} of the index file are both ${version}`,
    );
  }
  const { name: named, cksum, yanked = false } = first.entry ?? {};
  if (named !== name || !isChecksum(cksum) || typeof yanked !== "boolean") {
    const expected = `${name} ${version} with cksum and yanked`;
    throw new SyntaxError(
      `line ${first.at} of the index file is not as expected (${expected}): ${quote(first.line)}`,
    );
  }
  return { cksum, yanked };
}

function isChecksum(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}

function parseLine(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return asTable(JSON.parse(line));
  } catch {
    return undefined;
  }
}
