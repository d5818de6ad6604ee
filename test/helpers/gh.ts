/** A world for questions to gh: a stand-in on PATH, and a sound release that it tells of. */

import { type GhReply, standInGh } from "../../scripts/demo/gh.ts";
import { layout } from "../../scripts/lib/layout.ts";
import type { GhWorld } from "../../scripts/lib/net/gh.ts";
import { isolatedEnvironment, temporaryFolder } from "./world.ts";

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

/** A stand-in gh in a folder that is gone when the scope ends. */
export function ghWorld() {
  const folder = temporaryFolder();
  const gh = standInGh(folder.path);
  const env = isolatedEnvironment(folder.path);
  const world: GhWorld = {
    env: { ...env, PATH: `${gh.bin}:${env.PATH}` },
    cwd: folder.path,
    repository: layout.published.repository,
  };
  return {
    gh,
    world,
    /** The same world without any gh. */
    withoutGh: { ...world, env: { ...env, PATH: folder.path } } satisfies GhWorld,
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

/** A fault: what gh does, and what the answer says of it. */
export type Fault = readonly [name: string, reply: GhReply, evidence: RegExp];

/** What keeps gh from an answer: each must end as `unknown`, with this evidence. */
export const faults: readonly Fault[] = [
  [
    "is not logged in",
    { code: 4, stderr: "To get started with GitHub CLI, please run:  gh auth login\n" },
    /^gh is not logged in to github.com$/,
  ],
  [
    "has a token that is no longer good",
    { code: 1, stderr: "HTTP 401: Bad credentials (https://api.github.com/graphql)\n" },
    /^gh is not logged in to github.com$/,
  ],
  [
    "does not know the question",
    { code: 1, stderr: 'Unknown JSON field: "assets"\nAvailable fields:\n  url\n' },
    /^the installed gh is too old for gh /,
  ],
  [
    "does not find what it was asked of",
    { code: 1, stderr: "could not find any workflows named release.yml\n" },
    /could not find any workflows named release.yml/,
  ],
  [
    "may not see the repository",
    { code: 1, stderr: "HTTP 404: Not Found (https://api.github.com/repos/robintra/x?a=b)\n" },
    /failed: HTTP 404: Not Found \(https:\/\/api.github.com\/repos\/robintra\/x\)$/,
  ],
  [
    "is over its rate",
    {
      code: 1,
      stderr: "HTTP 403: API rate limit exceeded for user ID 1. (https://api.github.com/)\n",
    },
    /rate limit exceeded/,
  ],
  ["fails in silence", { code: 1 }, /exit code 1 without a message/],
  ["prints junk and ends well", { stdout: "you have mail\n" }, /something that is not JSON/],
  ["prints nothing and ends well", {}, /something that is not JSON/],
  ["prints another shape and ends well", { stdout: { message: "Moved" } }, /something that is /],
  ["is killed", { shell: "kill -9 $$" }, /failed: exit code 137 without a message/],
  ["prints without end", { shell: "yes" }, /failed: it printed more than 4 MB/],
];
