/** A stand-in gh on PATH: it answers from recorded shapes, and commits any fault it is told to. */

import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** How the stand-in answers one question. */
export interface GhReply {
  /** Text, or a value that is printed as JSON. */
  readonly stdout?: unknown;
  readonly stderr?: string;
  readonly code?: number;
  /** Shell words that are run first: for a gh that hangs, dies or never stops. */
  readonly shell?: string;
}

/**
 * A question: the two words of the command, and of attestations the name of the file and the last
 * part of the predicate's type may follow: `attestation verify`, `attestation verify NAME`,
 * `attestation verify NAME v1`. The most exact reply counts.
 */
export type GhAsked = string;

export interface StandInGh {
  /** The folder for PATH. */
  readonly bin: string;
  /** The command lines that it was asked, in order. */
  readonly asked: () => readonly string[];
  /** Sets the answer to a question; undefined takes it back. */
  reply(asked: GhAsked, reply: GhReply | undefined): void;
  /** What `gh release download` brings, by name. */
  publish(assets: Readonly<Record<string, string>>): void;
}

/** What the real gh says where nobody is logged in. */
export const notLoggedIn: GhReply = {
  code: 4,
  stderr:
    "To get started with GitHub CLI, please run:  gh auth login\nAlternatively, populate the GH_TOKEN environment variable with a GitHub API authentication token.\n",
};

/** What a gh without attestations says. */
export const tooOldForAttestations: GhReply = {
  code: 1,
  stderr: 'unknown command "attestation" for "gh"\n\nUsage:  gh <command> <subcommand> [flags]\n',
};

/** Nothing in it is a builtin that needs PATH but cp and cat; a test may take them away. */
const program = `#!/bin/sh
here=\${0%/*}/gh-replies
printf '%s\\n' "$*" >> "$here/asked"
question="$1 $2"
name=\${3##*/}
kind=
for each; do
  case $each in https://*) kind=\${each##*/} ;; esac
done
for each in "$question $name $kind" "$question $name" "$question"; do
  if [ -f "$here/$each.sh" ]; then
    . "$here/$each.sh"
    [ -s "$here/$each.err" ] && cat "$here/$each.err" >&2
    [ -s "$here/$each.out" ] && cat "$here/$each.out"
    exit "$code"
  fi
done
if [ "$question" = "release download" ]; then
  while [ $# -gt 0 ]; do
    case $1 in
      --dir) folder=$2 ;;
      --pattern) cp "$here/assets/$2" "$folder/" || exit 1 ;;
    esac
    shift
  done
  exit 0
fi
echo "the stand-in gh has no answer to: $*" >&2
exit 1
`;

/** The folder for PATH of the stand-in below a folder, whether it is there yet or not. */
export function standInFolder(parent: string): string {
  return join(parent, "gh-bin");
}

/** Puts a stand-in gh into a new folder below another one. Nobody has told it any answer yet. */
export function standInGh(parent: string): StandInGh {
  const bin = standInFolder(parent);
  const replies = join(bin, "gh-replies");
  mkdirSync(join(replies, "assets"), { recursive: true });
  writeFileSync(join(bin, "gh"), program);
  chmodSync(join(bin, "gh"), 0o755);
  const record = join(replies, "asked");
  return {
    bin,
    asked: () => (existsSync(record) ? readFileSync(record, "utf8").split("\n").slice(0, -1) : []),
    reply(asked, reply) {
      const base = join(replies, asked);
      for (const suffix of ["out", "err", "sh"]) {
        rmSync(`${base}.${suffix}`, { force: true });
      }
      if (reply === undefined) {
        return;
      }
      const { stdout = "", stderr = "", code = 0, shell = ":" } = reply;
      const text = typeof stdout === "string" ? stdout : `${JSON.stringify(stdout)}\n`;
      writeFileSync(`${base}.out`, text);
      writeFileSync(`${base}.err`, stderr);
      writeFileSync(`${base}.sh`, `${shell}\ncode=${code}\n`);
    },
    publish(assets) {
      for (const [name, text] of Object.entries(assets)) {
        writeFileSync(join(replies, "assets", name), text);
      }
    },
  };
}

/** What a tag's workflow built, on GitHub. */
export interface GhRelease {
  /** OWNER/REPO. */
  readonly repository: string;
  readonly tag: string;
  /** In full. */
  readonly commit: string;
  /** Path of the workflow file. */
  readonly workflow: string;
}

/** A job as `gh run view --json jobs` tells it. */
export function jobShape(name: string, conclusion: string, details: object = {}) {
  return {
    completedAt: conclusion === "" ? "0001-01-01T00:00:00Z" : "2026-08-07T12:10:00Z",
    conclusion,
    databaseId: 31,
    name,
    startedAt: "2026-08-07T12:01:00Z",
    status: conclusion === "" ? "in_progress" : "completed",
    steps: [],
    url: "https://github.com/robintra/perf-sentinel/actions/runs/21/job/31",
    ...details,
  };
}

/** A run as `gh run list --json` tells it. */
export function runShape({ repository, tag, commit }: GhRelease, details: object = {}) {
  return {
    conclusion: "success",
    createdAt: "2026-08-07T12:00:30Z",
    databaseId: 21,
    event: "push",
    headBranch: tag,
    headSha: commit,
    status: "completed",
    url: `https://github.com/${repository}/actions/runs/21`,
    ...details,
  };
}

/** A release as `gh release view --json` tells it, with its assets by name. */
export function releaseShape(
  { repository, tag }: GhRelease,
  assets: Readonly<Record<string, string>>,
  details: object = {},
) {
  return {
    assets: Object.entries(assets).map(([name, text], index) => ({
      apiUrl: `https://api.github.com/repos/${repository}/releases/assets/${index}`,
      contentType: "application/octet-stream",
      createdAt: "2026-08-07T12:05:00Z",
      downloadCount: 0,
      id: `RA_${index}`,
      label: "",
      name,
      size: new TextEncoder().encode(text).length,
      state: "uploaded",
      updatedAt: "2026-08-07T12:05:01Z",
      url: `https://github.com/${repository}/releases/download/${tag}/${name}`,
    })),
    isDraft: false,
    isPrerelease: tag.includes("-"),
    publishedAt: "2026-08-07T12:05:02Z",
    tagName: tag,
    url: `https://github.com/${repository}/releases/tag/${tag}`,
    ...details,
  };
}

/** The types of predicate that a release attests. */
export const predicates = {
  provenance: "https://slsa.dev/provenance/v1",
  spdx: "https://spdx.dev/Document/v2.3",
} as const;

/** What `gh attestation verify --format json` tells of one attestation. */
export function attestationShape(
  { repository, tag, commit, workflow }: GhRelease,
  subject: { readonly name: string; readonly sha256: string },
  predicateType: string,
  certificate: object = {},
) {
  const home = `https://github.com/${repository}`;
  const signer = `${home}/${workflow}@refs/tags/${tag}`;
  return {
    attestation: { bundle: {}, bundle_url: "", initiator: "" },
    verificationResult: {
      mediaType: "application/vnd.dev.sigstore.verificationresult+json;version=0.1",
      signature: {
        certificate: {
          certificateIssuer: "CN=sigstore-intermediate,O=sigstore.dev",
          subjectAlternativeName: signer,
          issuer: "https://token.actions.githubusercontent.com",
          buildSignerURI: signer,
          buildSignerDigest: commit,
          runnerEnvironment: "github-hosted",
          sourceRepositoryURI: home,
          sourceRepositoryDigest: commit,
          sourceRepositoryRef: `refs/tags/${tag}`,
          buildConfigURI: signer,
          buildTrigger: "push",
          ...certificate,
        },
      },
      statement: {
        _type: "https://in-toto.io/Statement/v1",
        subject: [{ name: subject.name, digest: { sha256: subject.sha256 } }],
        predicateType,
        predicate: {},
      },
      verifiedTimestamps: [{ type: "Tlog", timestamp: "2026-08-07T12:04:00Z" }],
    },
  };
}

/** The sha256 of a text, in hexadecimal. */
export function sha256OfText(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}

/** A checksum file for files by name, as sha256sum writes it. */
export function checksumsOf(files: Readonly<Record<string, string>>): string {
  return Object.entries(files)
    .map(([name, text]) => `${sha256OfText(text)}  ${name}\n`)
    .join("");
}

/** The assets of a sound release of an application: a text for each file, and the checksums. */
export function soundAssets(names: readonly string[], checksums: string): Record<string, string> {
  const files = Object.fromEntries(names.map((name) => [name, `the content of ${name}\n`]));
  return { ...files, [checksums]: checksumsOf(files) };
}

/** Lets the stand-in tell of a release that is sound in every way. */
export function publishSoundly(
  gh: StandInGh,
  release: GhRelease,
  assets: Readonly<Record<string, string>>,
): void {
  gh.reply("run list", { stdout: [runShape(release)] });
  gh.reply("run view", { stdout: { jobs: [jobShape("check-versions", "success")] } });
  gh.reply("release view", { stdout: releaseShape(release, assets) });
  gh.publish(assets);
  for (const [name, text] of Object.entries(assets)) {
    const subject = { name, sha256: sha256OfText(text) };
    for (const type of Object.values(predicates)) {
      const kind = type.slice(type.lastIndexOf("/") + 1);
      gh.reply(`attestation verify ${name} ${kind}`, {
        stdout: [attestationShape(release, subject, type)],
      });
    }
  }
}
