/** Verifies the GitHub release of a tag: that it is published, and that its assets match the checksums. */

import { mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { type Answer, answered, answerOf, type Evidence, Unverified } from "../lib/answer.ts";
import { makeScratchFolder } from "../lib/disk/scratch.ts";
import { asTable } from "../lib/files/document.ts";
import { quote } from "../lib/finding.ts";
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
import type { Subject } from "./attestations.ts";

/** A temporary folder for assets, removed at the end of its scope. */
export interface Downloads extends Disposable {
  readonly path: string;
}

/**
 * Makes an empty folder that only the operator can read.
 *
 * @throws {Refusal} If it cannot be made.
 */
export function openDownloads(env: Environment): Downloads {
  const path = makeScratchFolder("release-assets-", { env });
  return {
    path,
    // After an interrupt gh may still write a last file while the folder is removed: try again.
    [Symbol.dispose]: () =>
      rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 }),
  };
}

/** The evidence of a draft; the operator may still publish it after the run has ended. */
export const draft = "it is a draft";

const releaseFields = "tagName,isDraft,isPrerelease,url,assets,publishedAt";

/** The time limit for one asset, in milliseconds. */
const downloadTime = 600_000;

const { binaries, sbom, checksums } = layout.published;

/**
 * Verifies the release of a tag. An application's release must have the checksum file, the binaries and
 * the SBOM, and each asset must match its checksum.
 *
 * @param downloads Receives the assets; an asset from an earlier call is not fetched again.
 * @returns The answers, in the same order in every call, and the binaries that must be attested.
 */
export async function askGithubRelease(
  tag: string,
  kind: "application" | "chart",
  gh: GhWorld,
  downloads: Downloads,
): Promise<{ readonly answers: readonly Answer[]; readonly binaries: readonly Subject[] }> {
  const release = viewRelease(tag, gh);
  const own = answered(`GitHub release ${tag}`, async () => judgeRelease(await release, kind));
  if (kind === "chart") {
    return { answers: [await own], binaries: [] };
  }
  const fetched = async (isMeant: (name: string) => boolean) =>
    fetchAsset(findAsset(isMeant, (await release).assets), tag, gh, downloads);
  const list = fetched((name) => checksums.some((each) => each === name)).then(readChecksums);
  const ofBinaries = binaries.map((prefix) => ({
    name: prefix,
    file: fetched((name) => isBinary(name, prefix)),
  }));
  const ofSbom = { name: sbom, file: fetched((name) => name === sbom) };
  const answers = await Promise.all([
    own,
    answered("checksums of the release", async () => {
      const { name, sha256, sums } = await list;
      return `${name} names ${sums.size} files, sha256 ${sha256}`;
    }),
    ...[...ofBinaries, ofSbom].map(({ name, file }) =>
      answered(`asset ${name}`, async () => {
        const asset = await file;
        const published = await list.catch((thrown) => {
          const { state, remedy } = answerOf("", thrown);
          throw new Unverified(state, "it exists, but its checksum is not known", remedy);
        });
        return compare(asset, published);
      }),
    ),
  ]);
  return { answers, binaries: ofBinaries.map(({ name, file }) => ({ name, file: () => file })) };
}

/** @throws {Unverified} If there is no release, or the answer of gh has an unknown form. */
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
      "the answer of gh release view does not describe this release",
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
  return { evidence: `published${day === undefined ? "" : ` on ${day}`}${marked}`, link };
}

/** Matches files that accompany a binary in a release. */
const companions = /\.(?:sha256|sha512|sig|asc|pem|crt|sbom|json|jsonl|txt|bundle|sigstore)$/i;

/** Reports whether an asset is the binary of a platform: the prefix, alone or with a suffix. */
function isBinary(name: string, prefix: string): boolean {
  return (
    name.startsWith(prefix) &&
    /^(?:[-._]|$)/.test(name.slice(prefix.length)) &&
    !companions.test(name)
  );
}

/**
 * Returns the one asset whose name passes `isMeant`. A name with a slash or a glob character never
 * does: gh would write it to another folder, or fetch other assets.
 *
 * @throws {Unverified} If there is no asset or several, or the upload is not complete.
 */
function findAsset(isMeant: (name: string) => boolean, assets: readonly Fields[]): Fields {
  const [asset, ...others] = assets.filter(
    ({ name }) =>
      typeof name === "string" && /^[A-Za-z0-9_][A-Za-z0-9._+-]*$/.test(name) && isMeant(name),
  );
  if (others.length > 0) {
    const names = [asset, ...others].map((each) => each?.name).join(", ");
    const evidence = `found several assets: ${names}, expected 1`;
    throw new Unverified("failed", evidence, "Leave one of them in the release");
  }
  if (asset?.state !== "uploaded") {
    const evidence = asset === undefined ? "the asset is missing" : "its upload is not complete";
    const remedy = "Wait until the workflow run has published it";
    throw new Unverified("pending", evidence, remedy);
  }
  return asset;
}

/** A fetched asset; its sha256 is in lower-case hexadecimal. */
interface Fetched {
  readonly name: string;
  readonly path: string;
  readonly sha256: string;
}

/**
 * Fetches an asset, unless an earlier call has.
 *
 * @throws {Unverified} If gh did not fetch all of it.
 */
async function fetchAsset(
  { name: named, size, updatedAt, apiUrl }: Fields,
  tag: string,
  gh: GhWorld,
  downloads: Downloads,
): Promise<Fetched> {
  const name = String(named);
  // An asset that is uploaded again has another time.
  const identity = Bun.hash(JSON.stringify([name, size, updatedAt, apiUrl])).toString(36);
  const folder = join(downloads.path, identity);
  const path = join(folder, name);
  const isComplete = () => statSync(path, { throwIfNoEntry: false })?.size === size;
  if (!isComplete()) {
    mkdirSync(folder, { recursive: true });
    const args = ["release", "download", tag, "--dir", folder, "--pattern", name, "--clobber"];
    await callGh(args, gh, { timeout: downloadTime });
    if (!isComplete()) {
      const evidence = `gh release download fetched ${name} only in part`;
      throw new Unverified("unknown", evidence, "Ask again later");
    }
  }
  const hash = new Bun.CryptoHasher("sha256").update(readFileSync(path));
  return { name, path, sha256: hash.digest("hex") };
}

/** Returns a checksum file with the sha256 of each file that it names. */
function readChecksums(list: Fetched) {
  try {
    return { ...list, sums: parseChecksums(readFileSync(list.path, "utf8")) };
  } catch (thrown) {
    const remedy = "Publish a checksum file as sha256sum writes it, in a new release";
    throw thrown instanceof SyntaxError
      ? new Unverified("failed", `${list.name}: ${thrown.message}`, remedy)
      : thrown;
  }
}

/**
 * Returns the sha256 of each file in the output of `sha256sum`, in lower-case hexadecimal. A name may
 * appear twice only with the same sum.
 *
 * @throws {SyntaxError} If a line is not a checksum, a name has two sums, or the file is empty.
 */
export function parseChecksums(text: string): ReadonlyMap<string, string> {
  const sums = new Map<string, string>();
  for (const [index, line] of text
    .replace(/\r?\n$/, "")
    .split(/\r?\n/)
    .entries()) {
    // A sum, a space, then a space or the asterisk of binary mode, and a name.
    const found = /^([0-9A-Fa-f]{64}) [ *](?:\.\/)?(\S(?:.*\S)?)$/.exec(line);
    const [, sum = "", name = ""] = found ?? [];
    if (found === null) {
      throw new SyntaxError(`line ${index + 1} is not a sha256 checksum: found ${quote(line)}`);
    }
    if ((sums.get(name) ?? sum.toLowerCase()) !== sum.toLowerCase()) {
      throw new SyntaxError(`it names ${quote(name)} twice, with different sums`);
    }
    sums.set(name, sum.toLowerCase());
  }
  return sums;
}

/** Returns the evidence that an asset matches its checksum; throws {Unverified} if it does not. */
function compare({ name, sha256 }: Fetched, list: ReturnType<typeof readChecksums>): string {
  const published = list.sums.get(name);
  if (published === sha256) {
    return `${name}, sha256 ${sha256} as in ${list.name}`;
  }
  const evidence =
    published === undefined
      ? `${list.name} does not name ${name}`
      : `${name} has sha256 ${sha256}, but ${list.name} says ${published}`;
  const remedy = "Do not use this asset: find out who changed it, and release the next version";
  throw new Unverified("failed", evidence, remedy);
}
