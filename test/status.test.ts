import { expect, test } from "bun:test";
import { join } from "node:path";
import { smallProduct } from "../scripts/demo/product.ts";
import { startRegistry } from "../scripts/demo/registry.ts";
import { defaults, layout } from "../scripts/lib/layout.ts";
import { asHere, notes, operatorOf, type Place } from "./helpers/operator.ts";
import { realShape, realShapeWorld } from "./helpers/real-shape.ts";
import { ledgerRow, type ReleaseWorld, releaseWorld, today } from "./helpers/release.ts";
import { runScript } from "./helpers/run-script.ts";
import { runOnTerminal } from "./helpers/terminal.ts";
import { type JsonReport, testDay, testRepository, writeFiles } from "./helpers/world.ts";

const script = "scripts/status.ts";

async function statusOf(place: Place, ...args: string[]) {
  const { code, stdout, stderr } = await runScript(script, [...args, "--json"], place);
  const report: JsonReport = JSON.parse(stdout);
  expect({ ok: report.ok, exitCode: report.exitCode }).toEqual({ ok: code === 0, exitCode: code });
  expect(stderr).toBe("");
  const { steps = [], next, byHand, unanswered } = report.data ?? {};
  const open = steps.find(
    ({ state }: { state: string }) => state === "open" || state === "refused",
  );
  return { code, steps, next, byHand, unanswered, open: open?.step, findings: report.findings };
}

/** The evidence of one step. */
function evidenceOf(status: Awaited<ReturnType<typeof statusOf>>, step: string): string {
  return status.steps.find((each: { step: string }) => each.step === step)?.evidence;
}

// States that a release may be found in

/** The small product, merged and validated today, one commit ahead of its remote. */
const mergedWorld = async (registry?: string) => operated(await releaseWorld(registry));

/** A world with what its operator runs, and the answers of status. */
function operated(world: ReleaseWorld) {
  const operator = operatorOf(world);
  return { ...operator, status: (...args: string[]) => statusOf(operator.place, ...args) };
}

const ready = "bun scripts/release.ts v1.3.0";

test("of several that are under way, the others are named", async () => {
  await using world = operated(await realShapeWorld());
  await world.git("branch", "release/0.12.0");
  await world.git("branch", "release/0.13.0");
  const { code, stdout } = await runScript(script, [], world.place);
  expect(code).toBe(1);
  expect(stdout).toStartWith("v0.13.0: on release/0.13.0 at ");
  expect(stdout).toEndWith("\nalso under way: v0.12.0 (bun scripts/status.ts v0.12.0)\n");
});

test("a release branch that only the remote has is fetched first", async () => {
  await using world = operated(await realShapeWorld());
  await world.git("push", "--quiet", "origin", "main:refs/heads/release/0.12.0");
  const { stdout } = await runScript(script, [], world.place);
  expect(stdout).toStartWith("v0.12.0: release/0.12.0 is on origin only\n");
  const { next } = await world.status();
  await world.run(next);
  expect(await world.status()).toMatchObject({ open: "2" });
});

test("a chart in another folder than the layout's is no chart that is left out", async () => {
  await using world = operated(await realShapeWorld());
  await world.git("checkout", "--quiet", "-b", "release/0.12.0");
  await world.git("mv", "charts/perf-sentinel", "charts/tidepool");
  await world.git("commit", "--quiet", "--message", "Rename the chart");
  expect(evidenceOf(await world.status(), "3")).toBe(
    "no answer: Cannot read the chart: the layout names charts/perf-sentinel, which has no Chart.yaml; found charts/tidepool/Chart.yaml",
  );
  const bump = await runScript("scripts/bump-version.ts", ["0.12.0"], world.place);
  expect([bump.code, bump.stderr]).toEqual([1, expect.stringContaining("which has no Chart.yaml")]);
});

test("a release that is on the remote is released, whatever the ledger says about it now", async () => {
  await using world = operated(await realShapeWorld());
  await world.commit({ ...realShape("0.12.0"), [layout.ledger]: "# ledger\n" }, "Release 0.12.0");
  await world.git("tag", "--sign", "--message", "v0.12.0", "v0.12.0");
  await world.git("tag", "--sign", "--message", "chart-v0.12.0", "chart-v0.12.0");
  await world.git("push", "--quiet", "origin", "main", "--tags");
  const status = await world.status("v0.12.0");
  expect(status).toMatchObject({ code: 0, open: undefined, next: undefined, byHand: undefined });
  expect(evidenceOf(status, "4")).toBe(
    "v0.12.0 is published; caution: no PASS entry for v0.12.0 in release-gate/lab-validations.txt",
  );
  expect(status.findings.map(({ level }) => level)).toEqual(["notice"]);
  const idle = await world.status();
  expect(idle).toMatchObject({ code: 0, next: "git checkout -b release/0.13.0" });
});

test("a local copy of a signed tag of origin is named, and the release is whole", async () => {
  await using world = operated(await realShapeWorld());
  await world.git("tag", "--force", "v0.11.1", "v0.11.1^{commit}");
  await world.git("tag", "--force", "--message=x", "chart-v0.11.1", "chart-v0.11.1^{commit}");
  const status = await world.status("v0.11.1");
  expect(status.code).toBe(0);
  const copyWarnings = status.findings.filter(({ level }) => level === "warning");
  expect(copyWarnings.map(({ remedy }) => remedy)).toEqual(
    ["v0.11.1", "chart-v0.11.1"].map(
      (tag) => `Replace it: git fetch --force origin refs/tags/${tag}:refs/tags/${tag}`,
    ),
  );
});

test("a signed local tag that is another object than origin's is a failure that shows both", async () => {
  await using world = operated(await realShapeWorld());
  await world.git("tag", "--force", "--sign", "--message=again", "v0.11.1", "v0.11.1^{commit}");
  const status = await world.status("v0.11.1");
  expect(status.code).toBe(1);
  expect(evidenceOf(status, "6")).toEndWith(": one of the two was replaced");
  expect(JSON.stringify(status)).not.toMatch(/--force|next version/);
});

test("a release whose tag only the remote has is released, and fetched to find out the rest", async () => {
  await using world = operated(await realShapeWorld());
  await world.git("tag", "-d", "v0.11.1");
  const { code, stdout, stderr } = await runScript(script, [], world.place);
  expect({ code, stdout: stdout.split("\n")[0] }).toEqual({
    ...{ code: 1, stdout: "v0.11.1: tagged on origin" },
  });
  const fetch = "git fetch origin refs/tags/v0.11.1:refs/tags/v0.11.1";
  expect(stderr).toBe(
    `error: v0.11.1 is released: origin has its tag, which must be fetched to find out the rest\n  fix: ${fetch}\n`,
  );
  await world.run(fetch);
  expect(await world.status()).toMatchObject({ code: 0, next: "git checkout -b release/0.12.0" });
});

test("a version below the newest release is refused, as releases are made from main only", async () => {
  await using world = operated(await realShapeWorld());
  const status = await world.status("v0.10.5");
  expect(status).toMatchObject({ code: 1, open: "1" });
  expect(status.byHand).toBe("Release the change from main, with a version greater than 0.11.1");
});

test("a candidate is a part of step 4 of its version", async () => {
  await using world = operated(await realShapeWorld());
  await world.git("checkout", "--quiet", "-b", "release/0.12.0");
  await world.git("tag", "v0.12.0-rc.2");
  await world.git("tag", "v0.12.0-rc.10");
  await world.git("push", "--quiet", "origin", "v0.12.0-rc.10");
  await world.git("tag", "-d", "v0.12.0-rc.10");
  for (const version of ["v0.12.0", "v0.12.0-rc.10"]) {
    const status = await world.status(version);
    expect(evidenceOf(status, "4")).toEndWith("; candidate v0.12.0-rc.10 is on origin");
    expect(status.open).toBe("2");
  }
});

test("a candidate that is tagged, and not on the remote, is resumed before the lab runs", async () => {
  await using world = operated(await realShapeWorld());
  await world.git("checkout", "--quiet", "-b", "release/0.12.0");
  await world.commit(realShape("0.12.0-rc.1"), "Bump to 0.12.0-rc.1");
  await world.git("push", "--quiet", "origin", "release/0.12.0");
  const release = "bun scripts/release.ts v0.12.0-rc.1";
  expect(await world.status()).toMatchObject({ open: "2", next: release });
  const trailer = "Candidate: for lab validation";
  await world.git("tag", "--sign", "-m", "v0.12.0-rc.1", "-m", trailer, "v0.12.0-rc.1");
  const { next } = await world.status();
  expect(next).toBe(`${release} --resume`);
  await world.run(next);
  const lab = `bun scripts/validate-lab.ts v0.12.0 --lab ${defaults.lab} --record`;
  expect((await world.status()).next).toBe(lab);
});

test("code that a candidate lacks becomes the next candidate before the lab runs", async () => {
  await using world = operated(await realShapeWorld());
  await world.git("checkout", "--quiet", "-b", "release/0.12.0");
  await world.commit(realShape("0.12.0-rc.1"), "Bump to 0.12.0-rc.1");
  await world.git("push", "--quiet", "-u", "origin", "release/0.12.0");
  await world.run((await world.status()).next);
  await world.commit({ "docs/NOTES.md": "Notes.\n" }, "Add notes");
  await world.git("push", "--quiet");
  expect((await world.status()).next).toStartWith("bun scripts/validate-lab.ts v0.12.0 ");
  await world.commit({ "crates/sentinel-core/src/late.rs": "// late\n" }, "Late fix");
  await world.git("push", "--quiet");
  for (const keep of [true, false]) {
    await world.git(...(keep ? ["status"] : ["tag", "-d", "v0.12.0-rc.1"]));
    const status = await world.status();
    expect(status.next).toBe("bun scripts/bump-version.ts 0.12.0-rc.2");
    expect(evidenceOf(status, "4")).toEndWith("is on origin, and the code has changed since");
  }
  await world.run("bun scripts/bump-version.ts 0.12.0-rc.2");
  await world.run((await world.status()).next);
  await world.run((await world.status()).next);
  const { next } = await world.status();
  expect(next).toBe("bun scripts/release.ts v0.12.0-rc.2");
  await world.run(next);
  expect((await world.status()).next).toStartWith("bun scripts/validate-lab.ts v0.12.0 ");
});

test.each([120, 60])(
  "on a terminal of %p columns no word is cut, and the state is coloured",
  async (columns) => {
    await using world = operated(await realShapeWorld());
    const { NO_COLOR: _, ...env } = world.place.env;
    const line = asHere("bun scripts/status.ts v0.11.1");
    const show = (variables: Place["env"]) =>
      runOnTerminal(["sh", "-c", line], { ...world.place, env: variables }, {}, columns);
    const { shown } = await show(env);
    const plain = Bun.stripANSI(shown);
    expect(shown).toContain("  1     not applicable  Open");
    expect(shown).toContain("  2     \x1b[32mdone\x1b[39m            Code");
    const lines = plain.split("\n").filter((each) => each.startsWith("  "));
    expect(lines.every(({ length }) => length <= columns)).toBe(true);
    const start = lines.findLast((each) => /^ {8,}\S/.test(each))?.search(/\S/);
    expect(start).toBe(columns === 120 ? 56 : 8);
    expect((await show(world.place.env)).shown.replace(/^Asking.*\n/, "")).toBe(
      plain.replace(/^Asking.*\n/, ""),
    );
    const whole = (await runScript(script, ["v0.11.1"], world.place)).stdout;
    const words = (text: string) => text.split(/\s+/).join(" ");
    expect(words(plain)).toContain(words(whole));
    expect(plain.match(/SHA256:/g)).toHaveLength(1);
  },
);

test("it changes nothing and fetches nothing, and is about the workspace's version by itself", async () => {
  await using world = await mergedWorld();
  const other = join(world.home, "other");
  await world.git("clone", "--quiet", world.bare, other);
  await world.git("-C", other, "commit", "--quiet", "--allow-empty", "-m", "Elsewhere");
  await world.git("-C", other, "push", "--quiet", "origin", "HEAD");
  const theirs = await world.git("-C", other, "rev-parse", "HEAD");
  const before = await world.git("for-each-ref");
  const status = await world.status();
  expect(status).toMatchObject({
    code: 1,
    open: "6",
    next: "git fetch origin +refs/heads/main:refs/remotes/origin/main",
    unanswered: [],
  });
  expect(await world.git("for-each-ref")).toBe(before);
  expect(await world.git("status", "--porcelain")).toBe("");
  const known = await world.git("rev-parse", "--verify", "--quiet", `${theirs}^{commit}`).then(
    () => true,
    () => false,
  );
  expect(known).toBe(false);

  await world.run(status.next);
  const diverged = await world.status();
  expect(diverged.next).toBe("git pull --no-rebase --no-edit origin main");
  await world.run(diverged.next);
  expect((await world.status()).next).toBe(ready);
});

test("not even a partial clone is filled, which git would do by itself", async () => {
  await using world = await mergedWorld();
  await world.git("-C", world.bare, "config", "uploadpack.allowFilter", "true");
  await world.git("-C", world.bare, "config", "uploadpack.allowAnySHA1InWant", "true");
  const partial = join(world.home, "partial");
  await world.git("clone", "--quiet", "--filter=blob:none", `file://${world.bare}`, partial);
  await world.git("push", "--quiet", "origin", "main");
  const held = () => world.git("-C", partial, "count-objects", "-v");
  const before = await held();
  const status = await statusOf({ ...world.place, cwd: partial }, "v1.3.0");
  expect(status.next).toBe("git fetch origin +refs/heads/main:refs/remotes/origin/main");
  expect(await held()).toBe(before);
});

test("the version is that of the release branch that HEAD is on", async () => {
  await using world = await mergedWorld();
  await world.git("checkout", "--quiet", "-b", "release/2.0.0");
  const { code, stdout, stderr } = await runScript(script, [], world.place);
  expect(stdout).toStartWith("v2.0.0: on release/2.0.0 at ");
  expect(stderr).toContain(
    "error: v2.0.0 is not released: step 2 is open\n  fix: Describe the changes",
  );
  expect(code).toBe(1);
});

test("a new file that a bump would write is committed with the others", async () => {
  await using world = await mergedWorld();
  await world.git("checkout", "--quiet", "-b", "release/1.4.0");
  const changelog = await Bun.file(join(world.root, "CHANGELOG.md")).text();
  writeFiles(world.root, {
    "CHANGELOG.md": changelog.replace(/^(?=## )/m, notes),
    "docs/ci-templates/a new one.yml": 'env:\n  PERF_SENTINEL_VERSION: "1.3.0"\n',
  });
  const status = await world.status();
  expect(status.next).toBe(
    `git add -- 'docs/ci-templates/a new one.yml' && git commit --message "Prepare 1.4.0"`,
  );
  await world.run(status.next);
  expect((await world.status()).next).toBe("bun scripts/bump-version.ts 1.4.0");
});

test("offline it says which answer is missing, and no step that needs it is done", async () => {
  await using world = await mergedWorld();
  await world.git("remote", "set-url", "origin", join(world.home, "nowhere"));
  const status = await world.status("v1.3.0");
  expect(status).toMatchObject({ code: 1, open: "6", next: "git ls-remote --heads origin" });
  expect(evidenceOf(status, "6")).toBe("v1.3.0: no answer from origin");
  expect(evidenceOf(status, "5")).toContain("OK to release.");
  expect(status.unanswered).toHaveLength(1);
  expect(status.unanswered[0]).toStartWith("Cannot ask origin");
  expect(status.findings.map(({ level }) => level)).toEqual(["warning", "error"]);
});

test("an interrupted release is finished, and what is published is found again", async () => {
  using registry = startRegistry();
  await using world = await mergedWorld(registry.host);
  const evidence = `Lab-validation: PASS ${today()} lab 214ea6f`;
  await world.run(`git tag -s v1.3.0 -m v1.3.0 -m "${evidence}"`);
  const interrupted = await world.status();
  expect(interrupted).toMatchObject({ open: "6", next: `${ready} --resume` });
  expect(evidenceOf(interrupted, "6")).toBe(
    "interrupted: v1.3.0 is signed locally, and is not on origin",
  );

  await world.git("push", "--quiet", "origin", "v1.3.0");
  const half = await world.status();
  expect(half.next).toBe(`${ready} --resume`);
  expect(evidenceOf(half, "6")).toBe(
    "interrupted: v1.3.0 is on origin, and its commit is not on origin/main",
  );
  await world.run(half.next);
  expect(await world.status()).toMatchObject({
    open: "7",
    next: "bun scripts/release-chart.ts chart-v1.3.0 --wait",
  });

  await world.git("tag", "-d", "v1.3.0");
  const elsewhere = await world.status();
  expect(elsewhere).toMatchObject({
    open: "2",
    next: "git fetch origin refs/tags/v1.3.0:refs/tags/v1.3.0",
    unanswered: [],
  });
  expect(evidenceOf(elsewhere, "6")).toBe("v1.3.0 exists on origin, but not locally");
  expect(elsewhere.findings.map(({ message }) => message)).toEqual([
    "v1.3.0 is released: origin has its tag, which must be fetched to find out the rest",
  ]);
  await world.run(elsewhere.next);
  expect((await world.status()).open).toBe("7");
});

test("a tag that no release made goes if it is only here, and stays if it is published", async () => {
  await using world = await mergedWorld();
  await world.git("tag", "v1.3.0");
  const unfit = await world.status();
  expect(unfit).toMatchObject({ open: "6", next: "git tag -d v1.3.0" });
  expect(evidenceOf(unfit, "6")).toContain("a lightweight tag");
  await world.git("push", "--quiet", "origin", "main", "v1.3.0");
  const published = await world.status();
  expect(published).toMatchObject({
    open: "6",
    next: undefined,
    byHand: "Release the next version, with a signed tag",
  });
});

test("a bypass that the signed tag admits is no open step", async () => {
  using registry = startRegistry();
  await using world = await mergedWorld(registry.host);
  await world.commit({ "release-gate/lab-validations.txt": "# ledger\n" }, "Forget the lab");
  expect((await world.status()).open).toBe("4");
  await world.run("bun scripts/release.ts v1.3.0 --skip-lab --yes");
  const status = await world.status();
  expect(status.open).toBe("7");
  expect(evidenceOf(status, "4")).toBe("v1.3.0 says: Bypassed: lab validation gate (--skip-lab)");
});

test.each([
  ["was not bumped with the application", "1.2.9"],
  ["has a new appVersion and no new version", "1.3.0"],
])("the chart of an earlier release is not this one's, where it %s", async (_, appVersion) => {
  await using world = await mergedWorld();
  const chart = smallProduct(appVersion)["charts/perf-sentinel/Chart.yaml"] ?? "";
  const kept = chart.replace(/^version: .*$/m, "version: 1.2.9");
  const ledger = ledgerRow("1.3.0", "PASS", testDay);
  await world.git("tag", "--sign", "--message", "chart-v1.2.9", "chart-v1.2.9", "HEAD~1");
  const files = { "charts/perf-sentinel/Chart.yaml": kept, [layout.ledger]: ledger };
  await world.commit(files, "Keep the chart's version");
  await world.git("tag", "--sign", "--message", "v1.3.0", "v1.3.0");
  await world.git("push", "--quiet", "origin", "main", "--tags");
  const status = await world.status("v1.3.0");
  expect(evidenceOf(status, "7")).toBe("chart-v1.2.9 installs 1.2.9, expected 1.3.0");
  expect(status).toMatchObject({ code: 1, open: "7" });
});

test("a chart that main has left behind is released no more", async () => {
  await using world = await mergedWorld();
  await world.git("tag", "--sign", "--message", "v1.3.0", "v1.3.0");
  await world.commit({ ...smallProduct("1.4.0"), [layout.ledger]: ledgerRow("1.3.0") }, "Bump");
  await world.git("push", "--quiet", "origin", "main", "--tags");
  const status = await world.status("v1.3.0");
  expect(evidenceOf(status, "7")).toBe(
    "chart-v1.3.0 is not released, and main has the chart at 1.4.0",
  );
});

test("a registry that is silent leaves its question without an answer", async () => {
  using registry = startRegistry({ access: { kind: "private", password: "secret" } });
  await using world = await mergedWorld(registry.host);
  await world.run(`${ready} --yes`);
  const status = await world.status();
  expect(status).toMatchObject({
    open: "7",
    next: "bun scripts/release-chart.ts chart-v1.3.0 --wait",
  });
  expect(status.unanswered).toHaveLength(1);
  expect(status.unanswered[0]).toStartWith("Cannot find out whether image ");
  expect(evidenceOf(status, "7")).toStartWith("no answer: Cannot find out whether image ");
});

test("the gate's refusals and cautions are told as the gate tells them", async () => {
  await using world = await mergedWorld();
  await world.commit({ "crates/sentinel-core/src/lib.rs": "// new\n" }, "Change the product");
  const drifted = await world.status();
  expect(drifted.next).toBe(ready);
  expect(evidenceOf(drifted, "5")).toContain("caution: 1 commit since the PASS was committed");

  const old = ledgerRow("1.3.0", "PASS", "2026-01-01");
  await world.commit({ "release-gate/lab-validations.txt": old }, "Find an old row");
  const aged = await world.status();
  expect(aged.open).toBe("5");
  expect(evidenceOf(aged, "4")).toContain("PASS of 2026-01-01");
  expect(evidenceOf(aged, "5")).toContain("days old");
  expect(aged.next).toStartWith("bun scripts/validate-lab.ts v1.3.0 ");

  writeFiles(world.root, {
    "release-gate/lab-validations.txt": `${old}v1.3.0\t214ea6f\t${today()}\tFAIL\n`,
  });
  const failed = await world.status();
  expect(evidenceOf(failed, "5")).toContain("days old");
  expect(failed.next).toStartWith("git commit ");
  writeFiles(world.root, {
    "release-gate/lab-validations.txt": `${old}v1.3.0\t214ea6f\t${today()}\tPASS\n`,
  });
  await world.run((await world.status()).next);
  expect((await world.status()).next).toBe(ready);
});

test("stale reference data keep their step open until they are fresh or deferred", async () => {
  await using world = await mergedWorld();
  const file = "crates/sentinel-core/src/score/carbon.rs";
  await world.commit({ [file]: 'pub const PUE_VINTAGE: &str = "2019-01-01";\n' });
  const stale = await world.status();
  expect(stale).toMatchObject({ code: 1, open: "2.5", next: undefined });
  expect(stale.byHand).toStartWith("Refresh the data and PUE_VINTAGE, or defer it by a line");
  expect(evidenceOf(stale, "2.5")).toStartWith("PUE_VINTAGE is stale: found 2019-01-01");
  const changelog = await Bun.file(join(world.root, "CHANGELOG.md")).text();
  const line = "- PUE_VINTAGE stays: no new report.\n";
  writeFiles(world.root, { "CHANGELOG.md": changelog + line });
  const deferred = await world.status();
  expect(deferred.next).toBe('git commit --all --message "Refresh or defer reference data"');
  await world.run(deferred.next);
  expect((await world.status()).next).toBe(ready);
  await world.commit({ [file]: "pub fn pue() {}\n" });
  expect(await world.status()).toMatchObject({ open: "2.5", next: undefined });
});

test("a history that is cut off leaves questions open, and says how to get the rest", async () => {
  await using world = await mergedWorld();
  await world.git("push", "--quiet", "origin", "main:refs/heads/release/1.3.0");
  const clone = ["clone", "--quiet", "--depth", "1", "--no-single-branch"];
  const shallow = join(world.home, "shallow");
  await world.git(...clone, "--branch", "release/1.3.0", `file://${world.bare}`, shallow);
  const status = await statusOf({ ...world.place, cwd: shallow });
  expect(status).toMatchObject({ code: 1, open: "3", next: undefined });
  expect(evidenceOf(status, "3")).toStartWith("no answer: Cannot compare ");
  expect(status.byHand).toContain("git fetch --unshallow ");
  expect(status.unanswered).toHaveLength(1);
});

test.each<[string, Record<string, string>, string[], string, string]>([
  [
    "states no version has to be told one",
    { "Cargo.toml": "[workspace]\n" },
    [],
    "Cargo.toml states none",
    "Name it: bun scripts/status.ts vX.Y.Z",
  ],
  [
    "is not the product's has no steps",
    { "README.md": "# x\n" },
    ["v1.3.0"],
    "has no Cargo.toml",
    "Name the product's checkout with --repo DIR",
  ],
])("a checkout that %s", async (_, files, args, fault, remedy) => {
  await using world = await testRepository();
  await world.commit(files);
  const ended = await runScript(script, args, { cwd: world.root, env: world.env });
  expect(ended).toMatchObject({ code: 1, stdout: "" });
  expect(ended.stderr).toEndWith(`${fault}\n  fix: ${remedy}\n`);
});

test.each([
  ["a PASS with blanks for tabs", (day: string) => `v1.3.0  214ea6f ${day} PASS\n`],
  ["another one at the end", (day: string) => `v1.2.9  214ea6f ${day} PASS\n`],
])("a mangled row of the ledger is repaired before the lab runs again: %s", async (_, row) => {
  await using world = await mergedWorld();
  await world.git("checkout", "--quiet", "-b", "release/1.3.0");
  await world.commit({ [layout.ledger]: `# ledger\n${row(today())}` }, "Paste a row");
  await world.git("push", "--quiet", "origin", "HEAD");
  const mangled = await world.status();
  const repair = "bun release-gate/check-ledger.ts --repair 2";
  expect(mangled).toMatchObject({ open: "4", next: repair });
  expect(evidenceOf(mangled, "4")).toBe(
    `line 2 of ${layout.ledger} is malformed; no PASS entry for v1.3.0 in ${layout.ledger}`,
  );
  const repaired = await runScript("release-gate/check-ledger.ts", ["--repair", "2"], world.place);
  expect(repaired).toMatchObject({ code: 0 });
  const lab = `bun scripts/validate-lab.ts v1.3.0 --lab ${defaults.lab} --record`;
  const commit = `git commit --message "Record the lab validation of v1.3.0" ${layout.ledger}`;
  expect((await world.status()).next).toBe(row("").startsWith("v1.3.0") ? commit : lab);
});

test("a row of the ledger that no repair makes valid is removed before the lab runs", async () => {
  await using world = await mergedWorld();
  await world.commit({ [layout.ledger]: "# ledger\nv1.3.0 PASS\n" });
  expect(await world.status()).toMatchObject({
    open: "4",
    byHand: "Remove line 2, and record its lab run again",
  });
});

test("an uncommitted row of another version is none of this one's", async () => {
  await using world = await releaseWorld();
  const row = (version: string, verdict: string) =>
    `v${version}\t214ea6f\t${today()}\t${verdict}\n`;
  const ledger = "release-gate/lab-validations.txt";
  await world.commit({ [ledger]: row("1.3.0", "FAIL") });
  const status = async () =>
    (await runScript(script, ["v1.3.0"], { cwd: world.root, env: world.env })).stdout;
  writeFiles(world.root, { [ledger]: row("1.3.0", "FAIL") + row("1.3.1", "PASS") });
  expect(await status()).not.toContain("not committed yet");
  writeFiles(world.root, { [ledger]: row("1.3.0", "FAIL") + row("1.3.0", "PASS") });
  expect(await status()).toContain("a PASS is recorded, and not committed yet");
});
