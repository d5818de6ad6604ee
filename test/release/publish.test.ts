import { expect, test } from "bun:test";
import type { Finding } from "../../scripts/lib/finding.ts";
import { parseVersion } from "../../scripts/lib/version.ts";
import type { Plan } from "../../scripts/release/plan.ts";
import { publish } from "../../scripts/release/publish.ts";
import { memoryTree } from "../helpers/memory-tree.ts";
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
  *" get-url "*) echo ${url} ;;
  *" hash-object "*) cat >/dev/null; echo ${tagId} ;;
  *" update-ref "*) ${update} ;;
  *" show-ref "*) ${held}; if [ -e "$STATE/tag" ]; then echo ${tagId} refs/tags/${tag}; fi ;;
  *" ls-remote "*) ${remote} ;;
  *" cat-file "*) echo commit ;;
  *" merge-base "*) echo ${before} ;;
  *" log "*) printf 'aaaaaaa Change\\0' ;;
  *" push "*) ${push} ;;
esac`;
}

/** Publishes v1.3.0 beside a git that answers so, and tells what was found. */
async function published(git: Git) {
  using folder = temporaryFolder();
  const world = { home: folder.path, env: isolatedEnvironment(folder.path) };
  const repository = { root: folder.path, env: standIn(world, "git", gitScript(git)) };
  const refs = { main: before, tags: new Map(), tagged: new Map(), lookalikes: [] };
  const plan: Plan = {
    candidate: {
      repository,
      objects: {} as Plan["candidate"]["objects"],
      version: parseVersion("1.3.0"),
      tag,
      commit,
      tree: memoryTree({}),
      refs,
    },
    remote: { name: "origin", url: "/remote.git", shown: "/remote.git", answersByName: true },
    refs,
    relation: { kind: "ahead", commits: ["aaaaaaa Change"] },
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
    installed: false,
    bypasses: [],
  };
  const { report, interrupt } = quietWorld().world;
  const options = { dryRun: false, yes: true, resume: false, atomic: true };
  const outcome = await publish({ plan, procedure: withoutGates, options, report, interrupt });
  return { outcome, errors: errorsOf(report.findings) };
}

function errorsOf(findings: readonly Finding[]): string[] {
  return findings.filter(({ level }) => level === "error").map(({ message }) => message);
}

const refused = `printf 'To /remote.git\\n!\\t${tagId}:refs/tags/${tag}\\t[remote rejected] (no)\\nDone\\n'; exit 1`;

test("a tag that another run has made just now is left alone, and nothing is pushed", async () => {
  const { outcome, errors } = await published({ update: 'touch "$STATE/tag"; exit 1' });
  expect(outcome).toBe("failed");
  expect(errors).toEqual([
    "Tag v1.3.0 already exists locally: it was made just now",
    "Cannot go on: the tag v1.3.0 is here, and nothing was pushed",
  ]);
});

test("a remote that leads elsewhere since the examination is not pushed to", async () => {
  const { outcome, errors } = await published({ url: "/elsewhere.git" });
  expect(outcome).toBe("failed");
  expect(errors).toEqual([
    "Cannot push refs/heads/main and refs/tags/v1.3.0: origin leads elsewhere now, expected /remote.git",
  ]);
});

test("a push that the remote refuses is an error with its words", async () => {
  const { outcome, errors } = await published({ push: refused });
  expect(outcome).toBe("failed");
  expect(errors).toHaveLength(1);
  expect(errors[0]).toStartWith("Cannot push refs/heads/main and refs/tags/v1.3.0 to origin: ");
});

test("a local tag that cannot be rolled back is told of", async () => {
  const { outcome, errors } = await published({
    push: refused,
    update: 'case "$*" in *-d*) echo locked >&2; exit 1 ;; *) touch "$STATE/tag" ;; esac',
  });
  expect(outcome).toBe("failed");
  expect(errors[1]).toBe("Cannot roll back the local tag v1.3.0: locked");
});

test("a remote that falls silent after the push leaves the tag, and says that nobody knows", async () => {
  const { outcome, errors } = await published({ push: refused, remote: "exit 128" });
  expect(outcome).toBe("failed");
  expect(errors).toHaveLength(3);
  expect(errors[2]).toBe(
    "Cannot confirm that origin holds refs/heads/main and refs/tags/v1.3.0: the local tag v1.3.0 is kept",
  );
});
