/** The GitHub release of a tag: whether it is published, and its assets against their checksums. */

import { readFileSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { type Answer, answered, answerOf, type Evidence, Unverified } from "../lib/answer.ts";
import { makeFolderIn, makeScratchFolder } from "../lib/disk/scratch.ts";
import { asTable } from "../lib/files/document.ts";
import { LocatedSyntaxError, quote } from "../lib/finding.ts";
import { layout } from "../lib/layout.ts";
import {
  askGh,
  callGh,
  type Fields,
  findLink,
  findList,
  findText,
  type GhWorld,
} from "../lib/net/gh.ts";
import type { Environment } from "../lib/process.ts";
import { type Source, source } from "../lib/tree.ts";
import type { Subject } from "./attestations.ts";

/** An asset that was fetched. */
interface Fetched {
  readonly name: string;
  readonly path: string;
  /** Hexadecimal, in lower case. */
  readonly sha256: string;
}

/** A temporary folder for assets, removed at the end of its scope. */
export interface Downloads extends Disposable {
  readonly path: string;
  /** What is there already, by what identifies it outside: asking again fetches nothing twice. */
  readonly fetched: Map<string, Fetched>;
}

/**
 * Makes an empty folder that only the operator can read.
 *
 * @throws {Refusal} If there can be none.
 */
export function openDownloads(env: Environment): Downloads {
  const path = makeScratchFolder("release-assets-", { env });
  return {
    path,
    fetched: new Map(),
    // Where an interrupt ended the fetching, a last file may still come in between.
    [Symbol.dispose]: () =>
      rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 }),
  };
}

/** The evidence of a draft, which a person may publish after the run has ended as well. */
export const draft = "it is a draft";

const releaseFields = "tagName,isDraft,isPrerelease,url,assets,publishedAt";

/** Milliseconds that all assets of a release may take. */
const downloadTime = 600_000;

const { binaries, sbom, checksums } = layout.published;

/** The assets of an application's release, by label: whether an asset is meant by its name. */
const wanted = new Map<string, (name: string) => boolean>([
  ["the checksums", (name) => checksums.some((each) => each === name)],
  ...binaries.map((prefix) => [prefix, (name: string) => isBinary(name, prefix)] as const),
  [sbom, (name) => name === sbom],
]);

/** The answers about a release, always to the same questions in the same order. */
export interface GithubReleaseAnswers {
  readonly answers: readonly Answer[];
  /** The binaries that attestations are about. */
  readonly binaries: readonly Subject[];
}

/**
 * Asks for the release of a tag, and of an application's release for the checksum file, the
 * binaries and the SBOM: each must be there, and be what the checksums say.
 *
 * @param downloads Takes the assets; what is there from an earlier question is not fetched again.
 * @throws {Refusal} If the temporary folder cannot be used.
 */
export async function askGithubRelease(
  tag: string,
  kind: "application" | "chart",
  gh: GhWorld,
  downloads: Downloads,
): Promise<GithubReleaseAnswers> {
  const view = once(() => viewRelease(tag, gh));
  const fetchAll = once(async () => fetchAssets(tag, (await view()).assets, gh, downloads));
  const readSums = once(async () => readChecksums(await fileOf("the checksums")));

  async function fileOf(label: string): Promise<Fetched> {
    const asset = assetFor(label, (await view()).assets);
    const identity = identityOf(asset);
    if (!downloads.fetched.has(identity)) {
      await fetchAll();
    }
    const file = downloads.fetched.get(identity);
    if (file === undefined) {
      const evidence = `gh release download did not bring ${asset.name} whole`;
      throw new Unverified("unknown", evidence, "Ask again later");
    }
    return file;
  }

  const own = answered(`GitHub release ${tag}`, async () => judgeRelease(await view(), kind));
  if (kind === "chart") {
    return { answers: [await own], binaries: [] };
  }
  const ofList = answered("checksums of the release", async () => {
    const { name, sha256, sums } = await readSums();
    return `${name} names ${sums.size} files, sha256 ${sha256}`;
  });
  const ofFiles = [...binaries, sbom].map((label) =>
    answered(`asset ${label}`, async () => {
      const file = await fileOf(label);
      const list = await readSums().catch((thrown) => {
        const { state, remedy } = answerOf("", thrown);
        throw new Unverified(state, "it is there, but no checksums to compare it with", remedy);
      });
      return compare(file, list);
    }),
  );
  return {
    answers: await Promise.all([own, ofList, ...ofFiles]),
    binaries: binaries.map((name) => ({ name, file: () => fileOf(name) })),
  };
}

/** Returns a function that does something at its first call only. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** @throws {Unverified} If there is no release, or gh did not describe it. */
async function viewRelease(tag: string, gh: GhWorld) {
  const answer = await askGh(["release", "view", tag, "--json", releaseFields], gh, {
    absent: /^release not found\s*$/,
  });
  if (answer === undefined) {
    const remedy = "Wait until the workflow run has published it";
    throw new Unverified("pending", "there is no release", remedy);
  }
  const release = asTable(answer);
  const assets = findList(release?.assets);
  if (release?.tagName !== tag || typeof release.isDraft !== "boolean" || assets === undefined) {
    throw new Unverified(
      "unknown",
      "gh release view answered with something that is not this release",
      "Look at the release on GitHub, and ask again",
    );
  }
  return { release, assets };
}

function judgeRelease({ release }: { readonly release: Fields }, kind: string): Evidence {
  const link = findLink(release.url);
  if (release.isDraft === true) {
    const remedy =
      kind === "chart"
        ? "Publish the drafted release once you have reviewed it"
        : `Wait until ${basename(layout.releaseWorkflow)} publishes it; if its run has ended, publish the draft once you have reviewed it`;
    throw new Unverified("pending", draft, remedy, link);
  }
  const day = findText(release.publishedAt)?.slice(0, 10);
  const marked = release.isPrerelease === true ? " as a prerelease" : "";
  const evidence = `published${day === undefined ? "" : ` on ${day}`}${marked}`;
  return { evidence, ...(link === undefined ? {} : { link }) };
}

/** What stands beside a binary in a release and is not a binary itself. */
const companions = /\.(?:sha256|sha512|sig|asc|pem|crt|sbom|json|jsonl|txt|bundle|sigstore)$/i;

/** Reports whether an asset is the binary of a platform: its name, alone or with a suffix. */
function isBinary(name: string, prefix: string): boolean {
  return (
    name.startsWith(prefix) &&
    /^(?:[-._]|$)/.test(name.slice(prefix.length)) &&
    !companions.test(name)
  );
}

/** Names that are one file in a folder, and one pattern that means that file alone. */
const plainName = /^[A-Za-z0-9_][A-Za-z0-9._+-]*$/;

function isNamed({ name }: Fields, isMeant: (name: string) => boolean): boolean {
  return typeof name === "string" && plainName.test(name) && isMeant(name);
}

/**
 * Returns the one asset that a label means.
 *
 * @throws {Unverified} If there is none, or several, or it is not uploaded yet.
 */
function assetFor(label: string, assets: readonly Fields[]): Fields {
  const isMeant = wanted.get(label) ?? (() => false);
  const meant = assets.filter((asset) => isNamed(asset, isMeant));
  const [asset] = meant;
  if (meant.length > 1) {
    const evidence = `several assets may be meant: ${meant.map(({ name }) => name).join(", ")}`;
    throw new Unverified("failed", evidence, "Leave one of them in the release");
  }
  if (asset?.state !== "uploaded") {
    throw new Unverified(
      "pending",
      asset === undefined ? "there is no such asset" : "its upload is not complete",
      "Wait until the workflow run has published it",
    );
  }
  return asset;
}

/** Returns what identifies the content of an asset: another upload has another time. */
function identityOf({ name, size, updatedAt, apiUrl }: Fields): string {
  return JSON.stringify([name, size, updatedAt, apiUrl]);
}

/**
 * Fetches the wanted assets that are not there yet into a new folder, all with one question.
 *
 * @throws {Unverified} If gh could not fetch them.
 */
async function fetchAssets(
  tag: string,
  assets: readonly Fields[],
  gh: GhWorld,
  { path: parent, fetched }: Downloads,
): Promise<void> {
  const missing = assets.filter(
    (asset) =>
      asset.state === "uploaded" &&
      !fetched.has(identityOf(asset)) &&
      [...wanted.values()].some((isMeant) => isNamed(asset, isMeant)),
  );
  const folder = makeFolderIn(parent, "assets-");
  const patterns = missing.flatMap(({ name }) => ["--pattern", String(name)]);
  const args = ["release", "download", tag, "--dir", folder, ...patterns];
  await callGh(args, gh, { timeout: downloadTime });
  for (const asset of missing) {
    const name = String(asset.name);
    const path = join(folder, name);
    if (statSync(path, { throwIfNoEntry: false })?.size === asset.size) {
      const hash = new Bun.CryptoHasher("sha256").update(readFileSync(path));
      fetched.set(identityOf(asset), { name, path, sha256: hash.digest("hex") });
    }
  }
}

/** A list of checksums that was fetched, and the sha256 of each file that it names. */
interface Checksums extends Fetched {
  readonly sums: ReadonlyMap<string, string>;
}

/** @throws {Unverified} If the published checksums cannot be read. */
function readChecksums(list: Fetched): Checksums {
  const { name, path } = list;
  try {
    return { ...list, sums: parseChecksums(source(name, readFileSync(path, "utf8"))) };
  } catch (thrown) {
    if (thrown instanceof LocatedSyntaxError) {
      const remedy = "Publish a checksum file as sha256sum writes it, in a new release";
      throw new Unverified("failed", `${name}: ${thrown.message}`, remedy);
    }
    throw thrown;
  }
}

/** A sum, a space, a space or the asterisk of binary mode, and a name. */
const form = /^([0-9A-Fa-f]{64}) [ *](?:\.\/)?(\S(?:.*\S)?)$/;

/**
 * Reads the sha256 of each file that a list names, in hexadecimal and lower case. A name may be there
 * twice only with the same sum.
 *
 * @throws {LocatedSyntaxError} If a line is not a checksum, a name has two sums, or the file is empty.
 */
export function parseChecksums({ path, text }: Source): ReadonlyMap<string, string> {
  const sums = new Map<string, string>();
  const lines = text.replace(/\r?\n$/, "").split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    const at = { file: path, line: index + 1 };
    const [, sum = "", name = ""] = form.exec(line) ?? [];
    if (name === "") {
      throw new LocatedSyntaxError(
        text === ""
          ? "it is empty"
          : `line ${index + 1} is not a sha256 checksum: found ${quote(line)}`,
        at,
      );
    }
    if ((sums.get(name) ?? sum.toLowerCase()) !== sum.toLowerCase()) {
      throw new LocatedSyntaxError(`it names ${quote(name)} twice, with different sums`, at);
    }
    sums.set(name, sum.toLowerCase());
  }
  return sums;
}

/** @returns The evidence, if a file is what the published checksums say. */
function compare({ name, sha256 }: Fetched, list: Checksums): string {
  const published = list.sums.get(name);
  if (published === sha256) {
    return `${name}, sha256 ${sha256} as ${list.name} says`;
  }
  const evidence =
    published === undefined
      ? `${list.name} does not name ${name}`
      : `${name} has sha256 ${sha256}, but ${list.name} says ${published}`;
  const remedy = "Do not use this asset: find out who changed it, and release the next version";
  throw new Unverified("failed", evidence, remedy);
}
