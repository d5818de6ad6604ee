/** The real files of the product, released for real: skipped where they are not beside the project. */

import { describe, expect, test } from "bun:test";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { findComponent } from "./helpers/components.ts";
import { makeGpgKey } from "./helpers/gpg.ts";
import { productFolder } from "./helpers/product.ts";
import { today } from "./helpers/release.ts";
import { runScript } from "./helpers/run-script.ts";
import { start, type TestRepository, testRepository, writeFiles } from "./helpers/world.ts";

const gpg = findComponent("gpg");

/** A repository of the product's files at 0.11.1, on a bare origin, and a lab beside it. */
async function productRepository(folder: string): Promise<TestRepository> {
  const world = await testRepository();
  cpSync(folder, world.root, { recursive: true });
  // The real files may be read-only, and git keeps what it is given.
  await Bun.$`chmod -R u+w ${world.root}`.quiet();
  await world.commit({}, "Release 0.11.1");
  await world.addRemote();
  const lab = join(world.home, "lab");
  await world.git("init", "--quiet", lab);
  writeFiles(lab, { Makefile: "validate-findings:\n" });
  await world.git("-C", lab, "add", "--all");
  await world.git("-C", lab, "commit", "--quiet", "--message", "Lab");
  return world;
}

describe.skipIf(productFolder === undefined)("the product at 0.11.1", () => {
  const folder = productFolder ?? "";

  async function releaseBoth(world: TestRepository, env: Record<string, string>): Promise<void> {
    const dated = { ...env, GIT_COMMITTER_DATE: `${today()}T12:00:00Z` };
    const options = { cwd: world.root, env: dated };
    const refused = await runScript("scripts/release.ts", ["v0.11.1", "--yes"], options);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("no PASS entry for v0.11.1");

    const lab = join(world.home, "lab");
    const record = ["v0.11.1", "PASS", "--lab", lab, "--append"];
    expect(await runScript("scripts/record-validation.ts", record, options)).toMatchObject({
      code: 0,
    });
    await world.commit({}, "Record the lab validation of v0.11.1");
    expect(await runScript("scripts/release.ts", ["v0.11.1", "--yes"], options)).toMatchObject({
      code: 0,
    });
    const chart = ["chart-v0.11.1", "--yes", "--skip-image-check"];
    expect(await runScript("scripts/release-chart.ts", chart, options)).toMatchObject({ code: 0 });

    const bare = join(world.home, "origin.git");
    for (const tag of ["v0.11.1", "chart-v0.11.1"]) {
      const verified = await start(["git", "--git-dir", bare, "verify-tag", tag], {
        cwd: world.home,
        env,
      });
      expect({ tag, ...verified }).toMatchObject({ tag, code: 0 });
    }
    const main = await world.git("--git-dir", bare, "rev-parse", "main");
    expect(main).toBe(await world.git("rev-parse", "HEAD"));
    expect(await world.git("--git-dir", bare, "rev-parse", "v0.11.1^{commit}")).toBe(main);
  }

  test("is released with an SSH key, and git verifies the pushed tags", async () => {
    await using world = await productRepository(folder);
    const key = await world.useSshKey();
    writeFiles(world.home, { signers: `* ${await Bun.file(`${key}.pub`).text()}` });
    await world.git(
      "config",
      "--global",
      "gpg.ssh.allowedSignersFile",
      join(world.home, "signers"),
    );
    await releaseBoth(world, world.env);
  });

  test.skipIf(gpg === undefined)(
    "is released with a GPG key, and git verifies the pushed tags",
    async () => {
      await using world = await productRepository(folder);
      await using env = await makeGpgKey(world);
      await releaseBoth(world, env);
    },
  );

  test("passes the version gate, and no other version does", async () => {
    await using world = await productRepository(folder);
    const options = { cwd: world.root, env: world.env };
    const passed = await runScript("scripts/check-tag-version.ts", ["v0.11.1"], options);
    expect(passed).toMatchObject({ code: 0, stderr: "" });
    expect(passed.stdout).toContain("crates/sentinel-cli/Cargo.toml: perf-sentinel-core -> 0.11.1");
    const refused = await runScript("scripts/check-tag-version.ts", ["v0.11.2"], options);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("crates/sentinel-cli/Cargo.toml:35:");
  });
});
