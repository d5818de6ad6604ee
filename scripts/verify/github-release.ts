/** Verifies the GitHub release of a tag: its assets, their checksums, and their attestations. */

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
import type { RunQuestion } from "./workflow-run.ts";

/** A file or an image that must be attested. */
export interface Subject {
  readonly name: string;
  /**
   * Returns what gh verifies (the path of a file, or `oci://` and an image reference) and the sha256
   * that the attestation must name, in hexadecimal.
   *
   * @throws {Unverified} If the subject does not exist; then it has no attestation.
   */
  file(): Promise<{ readonly path: string; readonly sha256: string }>;
}

/** A temporary folder for assets, removed at the end of its scope. */
export type Downloads = ReturnType<typeof openDownloads>;

/**
 * Makes an empty folder that only the operator can read.
 *
 * @throws {Refusal} If it cannot be made.
 */
export function openDownloads(env: Environment) {
  const path = makeScratchFolder("release-assets-", { env });
  return {
    path,
    // After an interrupt gh may still write a last file while the folder is removed: try again.
    [Symbol.dispose]: () =>
      rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 }),
  };
}

/** The evidence of a release that does not exist, and of all that it would hold. */
export const noRelease = "there is no release";

/** The evidence of a draft; the operator may still publish it after the run has ended. */
export const draft = "it is a draft";

const releaseFields = "tagName,isDraft,isPrerelease,url,assets,publishedAt";

/** The time limit for one asset, in milliseconds. */
const downloadTime = 600_000;

const { binaries, sbom, checksums } = layout.published;

type ReleaseKind = "application" | "candidate" | "chart";

/**
 * Verifies the release of a tag. An application's release must have the checksum file, the binaries and
 * the SBOM, and each asset must match its checksum.
 *
 * @param downloads Receives the assets; an asset from an earlier call is not fetched again.
 * @returns The answers, in the same order in every call, and the binaries that must be attested.
 */
export async function askGithubRelease(
  tag: string,
  kind: ReleaseKind,
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
          const { state, remedy, temporary } = answerOf("", thrown);
          const evidence = "it exists, but its checksum is not known";
          throw new Unverified(state, evidence, remedy, undefined, temporary);
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
    throw new Unverified("pending", noRelease, remedy);
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

function judgeRelease({ release }: { readonly release: Fields }, kind: ReleaseKind): Evidence {
  const link = findLink(release.url);
  if (release.isDraft === true) {
    const remedy =
      kind === "chart"
        ? "Publish the drafted release once you have reviewed it"
        : `Wait until ${basename(layout.releaseWorkflow)} publishes it; if its run has ended, publish the draft once you have reviewed it`;
    throw new Unverified("pending", draft, remedy, link);
  }
  const day = findText(release.publishedAt)?.slice(0, 10);
  const published = `published${day === undefined ? "" : ` on ${day}`}`;
  if (release.isPrerelease === true) {
    return { evidence: `${published} as a prerelease`, link };
  }
  if (kind === "candidate") {
    const evidence = `${published}, not marked as a prerelease: GitHub may show it as the latest`;
    const mark = `gh release edit ${release.tagName} --prerelease`;
    const remedy = `Mark it: ${mark} --repo ${layout.published.repository}`;
    throw new Unverified("failed", evidence, remedy, link);
  }
  return { evidence: published, link };
}

/** Reports whether an asset is the binary of a platform, such as PREFIX.exe or PREFIX-musl.tar.gz. */
function isBinary(name: string, prefix: string): boolean {
  const suffix = /^(?:-[a-z0-9]+)*(?:\.exe|\.zip|\.tgz|\.tar\.[a-z0-9]+)?$/i;
  return name.startsWith(prefix) && suffix.test(name.slice(prefix.length));
}

/**
 * Returns the one asset whose name passes `isMeant`. Such a name never has a slash or a glob character,
 * with which gh would write to another folder, or fetch other assets.
 *
 * @throws {Unverified} If there is no asset or several, or the upload is not complete.
 */
function findAsset(isMeant: (name: string) => boolean, assets: readonly Fields[]): Fields {
  const [asset, ...others] = assets.filter(({ name }) => isMeant(String(name)));
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
      throw new Unverified("unknown", evidence, "Ask again later", undefined, true);
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
 * Returns the sha256 of each file in the output of `sha256sum`, in lower-case hexadecimal.
 *
 * @throws {SyntaxError} If a line is not a checksum, a name has two sums, or the file is empty.
 */
export function parseChecksums(text: string): ReadonlyMap<string, string> {
  const sums = new Map<string, string>();
  const lines = text.replace(/\r?\n$/, "").split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
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

// Attestations

/** The kinds of attestation that each subject must have, with the type of their predicate. */
const kinds = [
  { what: "provenance", predicate: "https://slsa.dev/provenance/v1" },
  { what: "SPDX attestation", predicate: "https://spdx.dev/Document/v2.3" },
] as const;

/** Matches the message of gh for a missing attestation; older versions print the server's answer. */
const absent = /no attestations found|HTTP 404: [^\n]*\/attestations\/sha256/i;

/** Matches the message of gh for an invalid attestation, unless `trouble` matches as well. */
const breach =
  /verifying with issuer|(?:signature|policy|Sigstore) verification failed|policy .*not (?:met|satisfied)/i;
/** Matches the messages of gh for a network error: they say nothing about the attestation. */
const trouble =
  /\b(?:dial|lookup|timeout|timed out|connect\w*|HTTP [0-9]+|TUF|EOF|TLS|x509: certificate signed by unknown)\b/i;

const distrust = "Do not use this file: find out what built it, and release the next version";

/**
 * Returns two answers for each subject: about its provenance and its SPDX attestation. gh verifies the
 * signature. The verified statement must name the repository, the workflow, the tag and, if it is
 * known, the commit: an attestation by the run of another tag does not count.
 *
 * @param origin The tag, the workflow and, if known, the commit that the attestations must name.
 */
export async function askAttestations(
  subjects: readonly Subject[],
  origin: RunQuestion,
  gh: GhWorld,
): Promise<Answer[]> {
  const asking = subjects.flatMap((subject) =>
    kinds.map(({ what, predicate }) =>
      answered(`${what} of ${subject.name}`, () => verify(subject, predicate, origin, gh)),
    ),
  );
  return await Promise.all(asking);
}

/** @throws {Unverified} If no attestation of that kind names this tag and this file. */
async function verify(
  subject: Subject,
  predicate: string,
  { tag, workflow, commit }: RunQuestion,
  gh: GhWorld,
): Promise<string> {
  const { path, sha256 } = await subject.file();
  const home = `https://github.com/${gh.repository}`;
  const expected: [what: string, key: string, wanted: string | undefined][] = [
    ["repository", "sourceRepositoryURI", home],
    ["ref", "sourceRepositoryRef", `refs/tags/${tag}`],
    ["workflow", "buildSignerURI", `${home}/${workflow}@refs/tags/${tag}`],
    ["commit", "sourceRepositoryDigest", commit],
  ];
  const attestations = await readAttestations(path, predicate, gh);
  const faults = attestations.map(({ certificate, digests }) => [
    ...expected
      .filter(([, key, wanted]) => wanted !== undefined && certificate[key] !== wanted)
      .map(([what, key, wanted]) => {
        const found = findText(certificate[key])?.slice(0, 200) ?? "unknown";
        return `${what} ${found}, expected ${wanted}`;
      }),
    ...(digests.includes(sha256) ? [] : [`a file with another sha256 than ${sha256}`]),
  ]);
  const [least] = faults.toSorted((a, b) => a.length - b.length);
  if (least === undefined) {
    const remedy = "Wait until the workflow run has attested it";
    throw new Unverified("pending", "there is no attestation", remedy);
  }
  if (least.length > 0) {
    throw new Unverified("failed", `it names ${least.join("; it names ")}`, distrust);
  }
  return `signed by ${workflow} at refs/tags/${tag}`;
}

/** Returns the attestations that gh has verified: the certificate, and the digests of the statement. */
async function readAttestations(path: string, predicate: string, gh: GhWorld) {
  const args = ["attestation", "verify", path, "--predicate-type", predicate, "--format", "json"];
  // gh asks GitHub and the trust roots, and prints the whole SBOM more than once.
  const options = { absent, timeout: 60_000, most: 64 * 1024 * 1024 };
  const answer = await askGh(args, gh, options).catch((thrown) => {
    const { message } = thrown as Error;
    const isBreach = breach.test(message) && !trouble.test(message);
    throw isBreach ? new Unverified("failed", message, distrust) : thrown;
  });
  return (findList(answer ?? []) ?? [{}]).flatMap(({ verificationResult }) => {
    const result = asTable(verificationResult);
    const statement = asTable(result?.statement);
    const certificate = asTable(asTable(result?.signature)?.certificate);
    const subjects = findList(statement?.subject);
    if (certificate === undefined || subjects === undefined) {
      const evidence = "the answer of gh attestation verify has an unknown form";
      throw new Unverified("unknown", evidence, "Update gh, and ask again");
    }
    const digests = subjects.map(({ digest }) => asTable(digest)?.sha256);
    return statement?.predicateType === predicate ? [{ certificate, digests }] : [];
  });
}
