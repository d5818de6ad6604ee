/** A stand-in for gh on PATH for the demo and the tests: it prints the given answers and faults. */

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The answer to a command line. */
export interface GhReply {
  /** Text, or a value that is printed as JSON. */
  readonly stdout?: unknown;
  readonly stderr?: string;
  readonly code?: number;
  /** A shell command to run first: for a gh that hangs, is killed or prints without end. */
  readonly shell?: string;
}

/** The shell script needs only cp and cat from PATH, because tests remove other programs. */
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

/** Returns the folder of the stand-in, to add to PATH. It may not exist yet. */
export function standInFolder(parent: string): string {
  return join(parent, "gh-bin");
}

export type StandInGh = ReturnType<typeof standInGh>;

/** Creates a stand-in gh, without answers, in `standInFolder(parent)`. */
export function standInGh(parent: string) {
  const bin = standInFolder(parent);
  const replies = join(bin, "gh-replies");
  mkdirSync(join(replies, "assets"), { recursive: true });
  writeFileSync(join(bin, "gh"), program, { mode: 0o755 });
  const record = join(replies, "asked");
  return {
    /** The folder for PATH. */
    bin,
    /** Returns the command lines of all calls, in order. */
    asked: (): readonly string[] =>
      existsSync(record) ? readFileSync(record, "utf8").split("\n").slice(0, -1) : [],
    /**
     * Sets or removes the answer to a command.
     *
     * @param question The two words of the command; for attestations the name of the file may
     *   follow, then the last part of the predicate's type. The longest match is used.
     */
    reply(question: string, reply: GhReply | undefined): void {
      const base = join(replies, question);
      rmSync(`${base}.sh`, { force: true });
      if (reply !== undefined) {
        const { stdout = "", stderr = "", code = 0, shell = ":" } = reply;
        const text = typeof stdout === "string" ? stdout : `${JSON.stringify(stdout)}\n`;
        writeFileSync(`${base}.out`, text);
        writeFileSync(`${base}.err`, stderr);
        writeFileSync(`${base}.sh`, `${shell}\ncode=${code}\n`);
      }
    },
    /** Adds files, by name, for `gh release download`. */
    publish(assets: Readonly<Record<string, string>>): void {
      for (const [name, text] of Object.entries(assets)) {
        writeFileSync(join(replies, "assets", name), text);
      }
    },
  };
}

/** A release on GitHub. */
export interface GhRelease {
  /** OWNER/REPO. */
  readonly repository: string;
  readonly tag: string;
  /** Full id of the commit. */
  readonly commit: string;
  /** Path of the workflow file. */
  readonly workflow: string;
}

/** Returns a job in the form of `gh run view --json jobs`. */
export function jobShape(name: string, conclusion: string, details: object = {}) {
  return {
    conclusion,
    databaseId: 31,
    name,
    status: conclusion === "" ? "in_progress" : "completed",
    steps: [],
    url: "https://github.com/robintra/perf-sentinel/actions/runs/21/job/31",
    ...details,
  };
}

/** Returns a run in the form of `gh run list --json`. */
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

/** Returns a release in the form of `gh release view --json`, with its assets by name. */
export function releaseShape(
  { repository, tag }: GhRelease,
  assets: Readonly<Record<string, string>>,
  details: object = {},
) {
  return {
    assets: Object.entries(assets).map(([name, text]) => ({
      name,
      size: new TextEncoder().encode(text).length,
      state: "uploaded",
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

/** The predicate types of the attestations of a release. */
export const predicates = {
  provenance: "https://slsa.dev/provenance/v1",
  spdx: "https://spdx.dev/Document/v2.3",
} as const;

/** Returns an attestation in the form of `gh attestation verify --format json`. */
export function attestationShape(
  { repository, tag, commit, workflow }: GhRelease,
  subject: { readonly name: string; readonly sha256: string },
  predicateType: string,
  certificate: object = {},
) {
  const home = `https://github.com/${repository}`;
  return {
    verificationResult: {
      signature: {
        certificate: {
          buildSignerURI: `${home}/${workflow}@refs/tags/${tag}`,
          sourceRepositoryURI: home,
          sourceRepositoryDigest: commit,
          sourceRepositoryRef: `refs/tags/${tag}`,
          ...certificate,
        },
      },
      statement: {
        subject: [{ name: subject.name, digest: { sha256: subject.sha256 } }],
        predicateType,
      },
    },
  };
}

/** Returns the sha256 of a text in hexadecimal. */
export function sha256OfText(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}

/** Returns the checksums of files, by name, in the form of sha256sum. */
export function checksumsOf(files: Readonly<Record<string, string>>): string {
  return Object.entries(files)
    .map(([name, text]) => `${sha256OfText(text)}  ${name}\n`)
    .join("");
}

/** Returns the assets of a valid release: a text for each file, and the checksum file. */
export function soundAssets(
  names: readonly string[],
  checksums = "SHA256SUMS",
): Record<string, string> {
  const files = Object.fromEntries(names.map((name) => [name, `the content of ${name}\n`]));
  return { ...files, [checksums]: checksumsOf(files) };
}

/** Sets the answers of the stand-in for a valid release. */
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
