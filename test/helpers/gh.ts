/** A world for questions to gh: a stand-in on PATH, and a sound release that it tells of. */

import { type GhReply, standInGh } from "../../scripts/demo/gh.ts";
import { layout } from "../../scripts/lib/layout.ts";
import type { GhWorld } from "../../scripts/lib/net/gh.ts";
import { isolatedEnvironment, temporaryFolder } from "./world.ts";

/** A stand-in gh in a folder that is gone when the scope ends. */
export function ghWorld(options: Pick<GhWorld, "patience"> = {}) {
  const folder = temporaryFolder();
  const gh = standInGh(folder.path);
  const env = isolatedEnvironment(folder.path);
  const world: GhWorld = {
    env: { ...env, PATH: `${gh.bin}:${env.PATH}` },
    cwd: folder.path,
    repository: layout.published.repository,
    ...options,
  };
  return {
    gh,
    world,
    /** The same world without any gh. */
    withoutGh: { ...world, env: { ...env, PATH: folder.path } } satisfies GhWorld,
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

/** A fault: what gh does, what the answer says of it, and whether waiting is of no use. */
export type Fault = readonly [name: string, reply: GhReply, evidence: RegExp, lasting: boolean];

/** What keeps gh from an answer: each must end as `unknown`, with this evidence. */
export const faults: readonly Fault[] = [
  [
    "is not logged in",
    { code: 4, stderr: "To get started with GitHub CLI, please run:  gh auth login\n" },
    /^gh is not logged in to github.com$/,
    true,
  ],
  [
    "has a token that is no longer good",
    { code: 1, stderr: "HTTP 401: Bad credentials (https://api.github.com/graphql)\n" },
    /^gh is not logged in to github.com$/,
    true,
  ],
  [
    "does not know the question",
    { code: 1, stderr: 'Unknown JSON field: "assets"\nAvailable fields:\n  url\n' },
    /^the installed gh is too old for gh /,
    true,
  ],
  [
    "does not find what it was asked of",
    { code: 1, stderr: "could not find any workflows named release.yml\n" },
    /could not find any workflows named release.yml/,
    false,
  ],
  [
    "may not see the repository",
    { code: 1, stderr: "HTTP 404: Not Found (https://api.github.com/repos/robintra/x?a=b)\n" },
    /failed: HTTP 404: Not Found \(https:\/\/api.github.com\/repos\/robintra\/x\)$/,
    false,
  ],
  [
    "is over its rate",
    {
      code: 1,
      stderr: "HTTP 403: API rate limit exceeded for user ID 1. (https://api.github.com/)\n",
    },
    /rate limit exceeded/,
    false,
  ],
  ["fails in silence", { code: 1 }, /exit code 1 without a message/, false],
  ["prints junk and ends well", { stdout: "you have mail\n" }, /something that is not JSON/, false],
  ["prints nothing and ends well", {}, /ended without an answer/, false],
  [
    "prints another shape and ends well",
    { stdout: { message: "Moved" } },
    /something that is /,
    false,
  ],
  ["is killed", { shell: "kill -9 $$" }, /was ended by signal 9/, false],
  ["prints without end", { shell: "yes" }, /printed more than an answer can be/, false],
];
