import { describe, expect, test } from "bun:test";
import { askGh, callGh, type GhWorld, ghToken } from "../../../scripts/lib/net/gh.ts";
import { findComponent } from "../../helpers/components.ts";
import { faults, ghWorld } from "../../helpers/gh.ts";
import { isolatedEnvironment, temporaryFolder } from "../../helpers/world.ts";

/** Asks a stand-in gh that runs this script for its token; without one, a PATH where gh is missing. */
async function ask(shell: string | undefined, options: Parameters<typeof ghToken>[2] = {}) {
  using made = ghWorld();
  made.gh.reply("auth token", { shell: shell ?? ":" });
  const { env, cwd } = shell === undefined ? made.withoutGh : made.world;
  return await ghToken({ ...env, GH_HOST: "ghe.example" }, cwd, options);
}

test("the token is what gh prints for github.com, whatever GH_HOST says", async () => {
  expect(await ask("echo gho_0123456789abcdef")).toBe("gho_0123456789abcdef");
  expect(await ask('echo "$*" | tr " " "_"')).toBe("auth_token_--hostname_github.com");
});

const notAToken = "gh auth token printed something that is not a token";

test.each<[string, string | undefined, Parameters<typeof ghToken>[2], string]>([
  ["is missing", undefined, {}, "gh is not installed, or not on PATH"],
  [
    "is not logged in, in words of ours",
    "echo gho_half; echo no oauth token gho_other >&2; exit 1",
    {},
    "gh is not logged in to github.com (exit code 1)",
  ],
  ["hangs", "exec sleep 60", { timeout: 100 }, "gh auth token gave no answer within 0.1 s"],
  [
    "is interrupted",
    "exec sleep 60",
    { signal: AbortSignal.timeout(50) },
    "gh auth token was interrupted",
  ],
  ["prints a sentence", "echo you have mail", {}, notAToken],
  ["prints a header of its own", "printf 'gho_a\\r\\nX-Evil: 1\\n'", {}, notAToken],
  ["prints an endless line", "head -c 100000 /dev/zero | tr '\\0' a", {}, notAToken],
])("a gh that %s gives no token", async (_, script, options, why) => {
  expect(await ask(script, options).catch((thrown) => [thrown.name, thrown.message])).toEqual([
    "Unverified",
    why,
  ]);
});

/** Asks a stand-in gh that runs this script about releases. */
async function askScript(shell: string, options: Parameters<typeof askGh>[2] = {}, more = {}) {
  using made = ghWorld();
  made.gh.reply("release view", { shell });
  const world = { ...made.world, ...more };
  return await askGh(["release", "view", "v1.3.0"], world, options);
}

describe("an answer of gh about a repository", () => {
  test("is its JSON", async () => {
    using made = ghWorld();
    made.gh.reply("release view", { stdout: { tagName: "v1.3.0" } });
    expect(await askGh(["release", "view"], made.world)).toEqual({ tagName: "v1.3.0" });
    expect(made.gh.asked()).toEqual(["release view --repo github.com/robintra/perf-sentinel"]);
  });

  test("comes from github.com, unasked, uncoloured and without a pager", async () => {
    const env = {
      ...isolatedEnvironment("/nowhere"),
      GH_HOST: "ghe.example",
      GH_REPO: "other/place",
      GH_FORCE_TTY: "80",
      GH_DEBUG: "api",
      CLICOLOR_FORCE: "1",
      GH_PAGER: "less",
    };
    using made = ghWorld();
    const shell = "env | grep -E '^(GH_|NO_COLOR|CLICOLOR)' | sort";
    made.gh.reply("release view", { shell });
    made.gh.reply("attestation verify", { shell });
    const world = { ...made.world, env: { ...env, PATH: made.world.env.PATH } };
    const lines = async (args: readonly string[]) =>
      (await callGh(args, world))?.split("\n").slice(0, -1);
    const usual = [
      "GH_NO_EXTENSION_UPDATE_NOTIFIER=1",
      "GH_NO_UPDATE_NOTIFIER=1",
      "GH_PAGER=cat",
      "GH_PROMPT_DISABLED=1",
      "GH_SPINNER_DISABLED=1",
      "NO_COLOR=1",
    ];
    expect(await lines(["release", "view"])).toEqual(usual);
    expect(await lines(["attestation", "verify", "x"])).toEqual(["GH_HOST=github.com", ...usual]);
    expect(made.gh.asked()).toEqual([
      "release view --repo github.com/robintra/perf-sentinel",
      "attestation verify x --repo robintra/perf-sentinel",
    ]);
  });
});

describe("gh gives no answer about a repository", () => {
  /** What `askGh` throws. */
  const thrownBy = (asking: Promise<unknown>) =>
    asking.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );

  test("if it is missing", async () => {
    using made = ghWorld();
    expect(await thrownBy(askGh(["run", "list"], made.withoutGh))).toMatchObject({
      name: "Unverified",
      state: "unknown",
      message: "gh is not installed, or not on PATH",
      remedy:
        "Install gh (https://cli.github.com), and log in: gh auth login --hostname github.com",
    });
  });

  test.each<[string, string, Parameters<typeof askGh>[2], object, string]>([
    ["hangs", "exec sleep 60", { timeout: 100 }, {}, "gave no answer within 0.1 s"],
    ["prints more than is wanted", "yes", { most: 1_000_000 }, {}, "failed: it printed more than"],
    ["is interrupted", "exec sleep 60", {}, { signal: AbortSignal.timeout(50) }, "was interrupted"],
  ])("if it %s", async (_, script, options, more, message) => {
    expect(await thrownBy(askScript(script, options, more))).toMatchObject({
      message: expect.stringContaining(`gh release view ${message}`),
      remedy: "Ask again later",
    });
  });

  test.each([
    ["as the question says, with exit code 1", 1, "release not found\n", true],
    ["with another exit code", 2, "release not found\n", false],
    ["in other words", 1, "no, release not found here\n", false],
  ])("and there is no such thing only %s", async (_, code, stderr, isAbsent) => {
    using made = ghWorld();
    made.gh.reply("release view", { code, stderr });
    const options = { absent: /^release not found\s*$/ };
    const thrown = await thrownBy(askGh(["release", "view"], made.world, options));
    expect(thrown === undefined).toBe(isAbsent);
  });

  test("without network: the way out is the network, and no waiting", async () => {
    const stderr =
      "error connecting to api.github.com\\ncheck your internet connection or https://githubstatus.com";
    const shell = `printf '${stderr}\\n' >&2; exit 1`;
    expect(await thrownBy(askScript(shell))).toMatchObject({
      message: expect.stringContaining("failed: error connecting to api.github.com; check"),
      remedy: "Check the network and the server, then run the command again",
      temporary: false,
    });
    const busy = "echo 'HTTP 502: Bad Gateway' >&2; exit 1";
    expect(await thrownBy(askScript(busy))).toMatchObject({
      remedy: "Ask again later",
      temporary: true,
    });
  });

  test.each(faults.filter(([name]) => !name.includes("another shape")))(
    "if it %s",
    async (_, reply, message) => {
      using made = ghWorld();
      made.gh.reply("release view", reply);
      expect(await thrownBy(askGh(["release", "view"], made.world))).toMatchObject({
        message: expect.stringMatching(message),
        remedy: expect.stringMatching(/./),
      });
    },
  );

  test("and its reason is one line, without the query of a URL", async () => {
    using made = ghWorld();
    const stderr = `HTTP 500\n  (https://api.github.com/x?token=secret)\n${"y".repeat(1000)}\n`;
    made.gh.reply("release view", { code: 1, stderr });
    const { message } = (await thrownBy(askGh(["release", "view"], made.world))) as Error;
    expect(message).toStartWith(
      "gh release view failed: HTTP 500; (https://api.github.com/x); yyy",
    );
    expect(message.length).toBeLessThan(400);
  });
});

const realGh = findComponent("gh");
const version = realGh === undefined ? "" : Bun.spawnSync([realGh, "--version"]).stdout.toString();

/** The gh of this machine, as somebody who is logged in nowhere. */
async function askRealGh(args: readonly string[]) {
  using folder = temporaryFolder();
  const world: GhWorld = {
    env: isolatedEnvironment(folder.path),
    cwd: folder.path,
    repository: "robintra/perf-sentinel",
  };
  return await askGh(args, world);
}

test.skipIf(realGh === undefined)("the real gh, where nobody is logged in, says so", async () => {
  for (const args of [
    ["run", "list", "--json", "url"],
    ["release", "view", "v1.3.0", "--json", "url"],
  ]) {
    expect(askRealGh(args)).rejects.toThrow("gh is not logged in to github.com");
  }
});

test.skipIf(!version.startsWith("gh version 2.23."))(
  "a real gh without attestations is too old for them",
  async () => {
    expect(askRealGh(["attestation", "verify", "x"])).rejects.toThrow(
      "the installed gh is too old",
    );
  },
);
