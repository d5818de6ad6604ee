import { describe, expect, test } from "bun:test";
import type { Finding } from "../../scripts/lib/finding.ts";
import type { Plan } from "../../scripts/release/plan.ts";
import { publish } from "../../scripts/release/publish.ts";
import { hurry } from "../helpers/hurry.ts";
import { withoutGates } from "../helpers/procedure.ts";
import { quietWorld } from "../helpers/quiet.ts";
import { standIn } from "../helpers/release.ts";
import { isolatedEnvironment, temporaryFolder } from "../helpers/world.ts";

const commit = "a".repeat(40);
const before = "b".repeat(40);
const tagId = "c".repeat(40);
const tag = "v1.3.0";

/** What git answers; the tag is installed, and every push is confirmed, unless told otherwise. */
interface Git {
  readonly url?: string;
  /** What follows `push`. */
  readonly push?: string;
  /** What follows `ls-remote`. */
  readonly remote?: string;
  /** What follows `update-ref`; `-d` deletes. */
  readonly update?: string;
}

const held = `printf '%s HEAD\\n' ${commit}`;

/** A git that knows one tag, if the file `tag` of its folder is there. */
function gitScript({
  url = "/remote.git",
  push = "exit 1",
  remote = `printf '%s\\trefs/heads/main\\n' ${before}`,
  update = 'case "$*" in *-d*) rm "$STATE/tag" ;; *) touch "$STATE/tag" ;; esac',
}: Git): string {
  return `
case " $* " in
  *" remote "*) printf 'origin\\t${url} (push)\\n' ;;
  *" hash-object "*) cat >/dev/null; echo ${tagId} ;;
  *" update-ref "*) ${update} ;;
  *" show-ref "*) ${held}; if [ -e "$STATE/tag" ]; then echo ${tagId} refs/tags/${tag}; fi ;;
  *" ls-remote "*) ${remote} ;;
  *" cat-file "*) echo commit ;;
  *" log "*) printf '< ${commit} aaaaaaa Change\\0- ${before} bbbbbbb Base\\0' ;;
  *" push "*) ${push} ;;
esac`;
}

/** Publishes v1.3.0 beside a git that answers so, and tells what was found. */
async function published(git: Git, resuming = false) {
  using folder = temporaryFolder();
  const place = { home: folder.path, env: isolatedEnvironment(folder.path) };
  const repository = { root: folder.path, env: standIn(place, "git", gitScript(git)) };
  const refs = { main: before, all: new Map() };
  const plan: Plan = {
    ...{ rules: withoutGates, tag, commit },
    remote: { name: "origin", url: "/remote.git", shown: "/remote.git", answersByName: true },
    refs,
    commits: ["aaaaaaa Change"],
    signed: {
      id: tagId,
      bytes: new Uint8Array(),
      object: commit,
      type: "commit",
      tag,
      tagger: "T <t@example.invalid> 0 +0000",
      message: `${tag}\n`,
      signature: undefined,
      signer: "a key",
    },
    resuming,
    bypasses: [],
    publishes: [],
    pushes: [
      [
        { id: commit, ref: "refs/heads/main" },
        { id: tagId, ref: `refs/tags/${tag}` },
      ],
    ],
  };
  const { world: quiet } = quietWorld();
  const world = { ...quiet, repository: async () => repository };
  const released = await publish({ repository, world }, plan);
  const { findings } = quiet.report;
  // The commands of this project that the remedies name: an operator follows each of them.
  const commands = findings.flatMap(({ remedy }) => remedy?.match(/bun scripts\/\S+ .*/g) ?? []);
  return { released, errors: errorsOf(findings), commands };
}

function errorsOf(findings: readonly Finding[]): string[] {
  return findings.filter(({ level }) => level === "error").map(({ message }) => message);
}

const refused = `printf 'To /remote.git\\n!\\t${tagId}:refs/tags/${tag}\\t[remote rejected] (no)\\nDone\\n'; exit 1`;

test("a tag that another run has made just now is left alone, and nothing is pushed", async () => {
  const { released, errors } = await published({ update: 'touch "$STATE/tag"; exit 1' });
  expect(released).toBeUndefined();
  expect(errors).toEqual([
    "Tag v1.3.0 already exists locally: it was made just now; nothing was pushed",
  ]);
});

test("a remote that leads elsewhere since the examination is not pushed to", async () => {
  const { released, errors } = await published({ url: "/elsewhere.git" });
  expect(released).toBeUndefined();
  expect(errors).toEqual([
    "Cannot push refs/heads/main and refs/tags/v1.3.0: origin leads elsewhere now, expected /remote.git",
    "Cannot release v1.3.0: nothing was pushed",
  ]);
});

const plain = "bun scripts/release.ts v1.3.0";
const holds = (id: string, ref: string) => `printf '%s\\t%s\\n' ${id} ${ref}`;
const mainAt = (id: string) => holds(id, "refs/heads/main");
const locked = 'case "$*" in *-d*) exit 1 ;; *) touch "$STATE/tag" ;; esac';
const theirs = `${mainAt(before)}; ${holds(before, `refs/tags/${tag}`)}`;

describe("one command leads on from a release that is not published:", () => {
  hurry();

  test.each<[string, Git, boolean, string]>([
    ["the tag is rolled back", { push: refused }, false, plain],
    ["the address has changed", { url: "/elsewhere.git" }, false, plain],
    ["an earlier run made the tag", { push: refused }, true, `${plain} --resume`],
    ["the tag cannot be deleted", { push: refused, update: locked }, false, `${plain} --resume`],
    ["nobody answers", { remote: "exit 128" }, false, `${plain} --resume`],
    ["another object is there", { remote: theirs }, false, `${plain} --resume. If not, never`],
  ])("%s", async (_, git, resuming, command) => {
    const { released, commands } = await published(git, resuming);
    expect(released).toBeUndefined();
    expect(commands).toHaveLength(1);
    expect(commands[0]).toStartWith(command);
    expect(commands[0]?.includes("--resume")).toBe(command.includes("--resume"));
  });
});

test("a local tag that cannot be rolled back is told of", async () => {
  const { released, errors } = await published({
    push: refused,
    update: 'case "$*" in *-d*) echo locked >&2; exit 1 ;; *) touch "$STATE/tag" ;; esac',
  });
  expect(released).toBeUndefined();
  expect(errors[1]).toBe("Cannot roll back the local tag v1.3.0: locked");
});

test("a remote that falls silent after the push leaves the tag, and says that nobody knows", async () => {
  const { released, errors } = await published({ push: refused, remote: "exit 128" });
  expect(released).toBeUndefined();
  expect(errors).toHaveLength(3);
  expect(errors[2]).toBe(
    "Cannot confirm that origin holds v1.3.0 and its commit on main; the local tag is kept",
  );
});
