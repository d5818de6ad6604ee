/** The GitHub release of a tag: whether it is published, and its assets against their checksums. */

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Answer, State } from "../lib/answer.ts";
import { LocatedSyntaxError } from "../lib/finding.ts";
import { layout } from "../lib/layout.ts";
import { askGh, type GhWorld, isGhFailure } from "../lib/net/gh.ts";
import { source } from "../lib/tree.ts";
import type { Subject } from "./attestations.ts";
import { type Checksums, parseChecksums } from "./checksums.ts";
import { type Downloads, type Fetched, newFolder, sha256Of } from "./downloads.ts";
import { type Fields, findFields, findLink, findList, findText } from "./gh-json.ts";
import { type Said, unanswered } from "./unanswered.ts";

/** The answers about a release, always to the same questions in the same order. */
export interface GithubReleaseAnswers {
  readonly answers: readonly Answer[];
  /** The binaries that attestations are about: those that could be fetched, and why not the others. */
  readonly binaries: readonly Subject[];
}

/** What a question about a release needs beside gh. */
export interface ReleaseContext {
  /** Takes the assets; what is there from an earlier question is not fetched again. */
  readonly downloads: Downloads;
  /** What became of the tag's workflow run: once it has ended, nothing more will come. */
  readonly run?: State | undefined;
}

export type ReleaseKind = "application" | "chart";

const releaseFields = "tagName,isDraft,isPrerelease,url,assets,publishedAt";

/** Milliseconds that all assets of a release may take. */
const downloadTime = 600_000;

/** Bytes of a checksum file at most: a line for each of many assets. */
const mostChecksums = 1024 * 1024;

/** The questions about the assets of an application's release: the checksums, then what they name. */
const assetLabels = ["the checksums", ...layout.published.binaries, layout.published.sbom];

/**
 * Asks for the release of a tag, and of an application's release for the checksum file, the
 * binaries and the SBOM: each must be there, and be what the checksums say.
 *
 * @throws {Refusal} If the temporary folder cannot be used.
 */
export async function askGithubRelease(
  tag: string,
  kind: ReleaseKind,
  gh: GhWorld,
  context: ReleaseContext,
): Promise<GithubReleaseAnswers> {
  const question = `GitHub release ${tag}`;
  const answer = await askGh(["release", "view", tag, "--json", releaseFields], gh, {
    absent: /^release not found\s*$/,
  });
  if (isGhFailure(answer)) {
    const said =
      answer.kind === "not found" ? absent("there is no release", context.run) : unanswered(answer);
    return allSame(question, kind, said);
  }
  const release = answer.kind === "json" ? findFields(answer.value) : undefined;
  const assets = findList(release?.assets);
  if (release?.tagName !== tag || typeof release.isDraft !== "boolean" || assets === undefined) {
    return allSame(question, kind, {
      state: "unknown",
      evidence: "gh release view answered with something that is not this release",
      remedy: "Look at the release on GitHub, and ask again",
    });
  }
  const own = { question, ...publication(release, kind) };
  return kind === "chart"
    ? { answers: [own], binaries: [] }
    : await askAssets(tag, own, assets, gh, context);
}

/** One reason for all questions. */
function allSame(question: string, kind: ReleaseKind, said: Said): GithubReleaseAnswers {
  if (kind === "chart") {
    return { answers: [{ question, ...said }], binaries: [] };
  }
  return {
    answers: [question, ...assetLabels.map(labelOf)].map((each) => ({ question: each, ...said })),
    binaries: layout.published.binaries.map((name) => ({ name, absent: said })),
  };
}

function labelOf(name: string): string {
  return name === assetLabels[0] ? "checksums of the release" : `asset ${name}`;
}

/** Something that is not there: it may still come unless the run that makes it has ended. */
function absent(evidence: string, run: State | undefined): Said {
  const ended = run === "verified" || run === "failed";
  return {
    state: ended ? "failed" : "pending",
    evidence: ended ? `${evidence}, and the workflow run has ended` : `${evidence} yet`,
    remedy: ended
      ? "Read the log of the run's release job, and re-run it"
      : "Wait until the workflow run has published it",
  };
}

function publication(release: Fields, kind: ReleaseKind): Said {
  const link = findLink(release.url);
  if (release.isDraft === false) {
    const day = findText(release.publishedAt)?.slice(0, 10);
    const marked = release.isPrerelease === true ? " as a prerelease" : "";
    return {
      state: "verified",
      evidence: `published${day === undefined ? "" : ` on ${day}`}${marked}`,
      ...link,
    };
  }
  return {
    state: "pending",
    evidence: "it is a draft",
    remedy:
      kind === "chart"
        ? "Publish the drafted release once you have reviewed it"
        : `Wait until ${fileName(layout.releaseWorkflow)} publishes it; if its run has ended, publish the draft once you have reviewed it`,
    ...link,
  };
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** An asset of a release, or what is to be said in its place. */
type Found = { readonly asset: Fields; readonly name: string } | { readonly said: Said };

/** A file that was fetched, or what is to be said in its place. */
type Got = { readonly name: string; readonly file: Fetched } | { readonly said: Said };

async function askAssets(
  tag: string,
  release: Answer,
  assets: readonly Fields[],
  gh: GhWorld,
  context: ReleaseContext,
): Promise<GithubReleaseAnswers> {
  const { binaries, sbom, checksums: names } = layout.published;
  const wanted = [
    (name: string) => names.some((each) => each === name),
    ...binaries.map((prefix) => (name: string) => isBinary(name, prefix)),
    (name: string) => name === sbom,
  ];
  const found = wanted.map((isMeant) => findAsset(assets, isMeant, context.run));
  const got = await fetchAll(tag, found, gh, context.downloads);
  const [list, ...files] = got;
  const sums =
    list === undefined || "said" in list ? list : readChecksums(list.file.path, list.name);
  const answers = assetLabels.map((label, index): Answer => {
    const question = labelOf(label);
    if (index === 0) {
      return { question, ...aboutChecksums(sums, list) };
    }
    return { question, ...compare(files[index - 1], sums) };
  });
  return {
    answers: [release, ...answers],
    binaries: binaries.map((label, index): Subject => {
      const file = files[index];
      return file === undefined || "said" in file
        ? { name: label, absent: file?.said }
        : { name: label, target: file.file.path, sha256: file.file.sha256 };
    }),
  };
}

/** What stands beside a binary in a release and is none. */
const companions = /\.(?:sha256|sha512|sig|asc|pem|crt|sbom|json|jsonl|txt|bundle|sigstore)$/i;

/** Whether an asset is the binary of a platform: its name, alone or with a suffix. */
function isBinary(name: string, prefix: string): boolean {
  return (
    name.startsWith(prefix) &&
    /^(?:[-._]|$)/.test(name.slice(prefix.length)) &&
    !companions.test(name)
  );
}

/** Names that are one file in a folder, and one pattern that means that file alone. */
const plainName = /^[A-Za-z0-9_][A-Za-z0-9._+-]*$/;

function findAsset(
  assets: readonly Fields[],
  isMeant: (name: string) => boolean,
  run: State | undefined,
): Found {
  const meant = assets.filter(
    ({ name }) => typeof name === "string" && plainName.test(name) && isMeant(name),
  );
  const [asset] = meant;
  if (asset === undefined) {
    return { said: absent("there is no such asset", run) };
  }
  if (meant.length > 1) {
    return {
      said: {
        state: "failed",
        evidence: `several assets may be meant: ${meant.map(({ name }) => name).join(", ")}`,
        remedy: "Leave one of them in the release",
      },
    };
  }
  if (asset.state !== "uploaded") {
    return { said: absent("its upload is not complete", run) };
  }
  return { asset, name: String(asset.name) };
}

/** What identifies the content of an asset: another upload has another time. */
function identityOf({ name, size, updatedAt, apiUrl }: Fields): string {
  return JSON.stringify([name, size, updatedAt, apiUrl]);
}

async function fetchAll(
  tag: string,
  found: readonly Found[],
  gh: GhWorld,
  downloads: Downloads,
): Promise<Got[]> {
  const missing = found.flatMap((each) =>
    "asset" in each && !downloads.fetched.has(identityOf(each.asset)) ? [each] : [],
  );
  const failure =
    missing.length === 0 ? undefined : await fetchMissing(tag, missing, gh, downloads);
  return found.map((each): Got => {
    if ("said" in each) {
      return each;
    }
    const file = downloads.fetched.get(identityOf(each.asset));
    return file === undefined
      ? { said: failure ?? incomplete(each.name) }
      : { name: each.name, file };
  });
}

function incomplete(name: string): Said {
  return {
    state: "unknown",
    evidence: `gh release download did not bring ${name} whole`,
    remedy: "Ask again later",
  };
}

/** Fetches assets into a new folder, all with one question; answers why it could not. */
async function fetchMissing(
  tag: string,
  missing: readonly { readonly asset: Fields; readonly name: string }[],
  gh: GhWorld,
  downloads: Downloads,
): Promise<Said | undefined> {
  const folder = newFolder(downloads);
  const patterns = missing.flatMap(({ name }) => ["--pattern", name]);
  const answer = await askGh(["release", "download", tag, "--dir", folder, ...patterns], gh, {
    expect: "text",
    timeout: downloadTime,
  });
  if (isGhFailure(answer)) {
    return unanswered(answer);
  }
  for (const { asset, name } of missing) {
    const path = join(folder, name);
    const size = statSync(path, { throwIfNoEntry: false })?.size;
    if (size !== undefined && size === asset.size) {
      const sha256 = await sha256Of(path, gh.signal).catch(() => undefined);
      if (sha256 !== undefined) {
        downloads.fetched.set(identityOf(asset), { path, sha256 });
      }
    }
  }
  return undefined;
}

/** The published checksums, or what is to be said of a file that is none. */
function readChecksums(
  path: string,
  name: string,
): { readonly sums: Checksums; readonly name: string } | { readonly said: Said } {
  const said = (why: string): { readonly said: Said } => ({
    said: {
      state: "failed",
      evidence: `${name}: ${why}`,
      remedy: "Publish a checksum file as sha256sum writes it, in a new release",
    },
  });
  if (statSync(path).size > mostChecksums) {
    return said("it is too large for a checksum file");
  }
  try {
    return { sums: parseChecksums(source(name, readFileSync(path, "utf8"))), name };
  } catch (thrown) {
    if (thrown instanceof LocatedSyntaxError) {
      return said(thrown.message);
    }
    throw thrown;
  }
}

type Sums = ReturnType<typeof readChecksums> | undefined;

function aboutChecksums(sums: Sums, list: Got | undefined): Said {
  if (sums === undefined || "said" in sums) {
    return sums?.said ?? incomplete("the checksums");
  }
  const sha256 = list !== undefined && "file" in list ? list.file.sha256 : "";
  return {
    state: "verified",
    evidence: `${sums.name} names ${sums.sums.size} files, sha256 ${sha256}`,
  };
}

/** A file against the published checksums: without them, nothing can be said for it. */
function compare(got: Got | undefined, sums: Sums): Said {
  if (got === undefined || "said" in got) {
    return got?.said ?? incomplete("it");
  }
  if (sums === undefined || "said" in sums) {
    const { state = "unknown", remedy = "Ask again later" } = sums?.said ?? {};
    return { state, evidence: "it is there, but not the checksums to hold it to", remedy };
  }
  const { sha256 } = got.file;
  const published = sums.sums.get(got.name);
  if (published === sha256) {
    return { state: "verified", evidence: `${got.name}, sha256 ${sha256} as ${sums.name} says` };
  }
  return {
    state: "failed",
    evidence:
      published === undefined
        ? `${sums.name} does not name ${got.name}`
        : `${got.name} has sha256 ${sha256}, but ${sums.name} says ${published}`,
    remedy: "Do not use this asset: find out who changed it, and release the next version",
  };
}
