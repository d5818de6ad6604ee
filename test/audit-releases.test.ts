import { describe, expect, test } from "bun:test";
import { chmodSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cellsOf, totalsOf } from "../scripts/audit/record.ts";
import { auditReleases, judgeContent } from "../scripts/audit/survey.ts";
import { smallProduct } from "../scripts/demo/product.ts";
import { type Day, parseDay } from "../scripts/lib/calendar.ts";
import { gitEnvironment } from "../scripts/lib/git/repository.ts";
import { layout } from "../scripts/lib/layout.ts";
import { parseVersion } from "../scripts/lib/version.ts";
import { memoryTree } from "./helpers/memory-tree.ts";
import { standIn } from "./helpers/release.ts";
import { runScript } from "./helpers/run-script.ts";
import { runOnTerminal } from "./helpers/terminal.ts";
import {
  type JsonReport,
  projectRoot,
  start,
  type TestRepository,
  testRepository,
} from "./helpers/world.ts";

const script = "scripts/audit-releases.ts";

/** A tag of a commit, or of a file. */
interface MadeTag {
  readonly tag: string;
  /** The moment of the tag, as an ISO text. */
  readonly at: string;
  /** The default is an annotated tag without a signature. */
  readonly signature?: "signed" | "lightweight" | undefined;
  readonly message?: string;
}

/** A commit on main, or beside it. */
interface MadeCommit {
  readonly at: string;
  readonly files: Readonly<Record<string, string>>;
  readonly beside?: boolean;
  readonly tags: readonly MadeTag[];
}

/** What stands for a signature: an audit tells that there is one, and not whether it is good. */
const armour = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n";

/** Makes commits, each with all its files, one after another. */
async function makeHistory(
  { root, env }: TestRepository,
  commits: readonly MadeCommit[],
): Promise<void> {
  const parts: string[] = [];
  let parent: number | undefined;
  for (const [index, { at, files, beside, tags }] of commits.entries()) {
    const mark = index + 1;
    parts.push(
      `commit refs/heads/${beside ? "side" : "main"}\nmark :${mark}\n`,
      `committer Tester <tester@example.invalid> ${seconds(at)} +0000\n`,
      data(`Commit ${mark}`),
      parent === undefined ? "" : `from :${parent}\n`,
      "deleteall\n",
      ...Object.entries(files).map(([path, text]) => `M 100644 inline ${path}\n${data(text)}`),
      ...tags.map((tag) => tagCommand(tag, mark)),
    );
    parent = beside ? parent : mark;
  }
  const child = Bun.spawn(["git", "fast-import", "--quiet", "--force"], {
    cwd: root,
    env,
    stdin: new TextEncoder().encode(parts.join("")),
    stdout: "ignore",
    stderr: "pipe",
  });
  const words = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) {
    throw new Error(`git fast-import: ${words}`);
  }
}

function tagCommand({ tag, at, signature, message }: MadeTag, mark: number): string {
  if (signature === "lightweight") {
    return `reset refs/tags/${tag}\nfrom :${mark}\n\n`;
  }
  const words = `${message ?? tag}\n${signature === "signed" ? armour : ""}`;
  const tagger = `tagger Tester <tester@example.invalid> ${seconds(at)} +0000\n`;
  return `tag ${tag}\nfrom :${mark}\n${tagger}${data(words)}`;
}

function data(text: string): string {
  return `data ${Buffer.byteLength(text)}\n${text}\n`;
}

function seconds(at: string): number {
  return Date.parse(at) / 1000;
}

function repositoryOf({ root, env }: TestRepository) {
  return { root, env: gitEnvironment(env) };
}

const question = { signal: new AbortController().signal };

/** The day some days after the first one of the history. */
function day(offset: number): string {
  return new Date(Date.UTC(2024, 0, 10 + offset)).toISOString().slice(0, 10);
}

const noon = (date: string) => `${date}T12:00:00Z`;

/** A product whose ledger has these rows; none for a product without a ledger. */
function product(version: string, rows: readonly string[] | undefined): Record<string, string> {
  const { [layout.ledger]: _, ...files } = smallProduct(version);
  return rows === undefined
    ? files
    : { ...files, [layout.ledger]: `# ledger\n${rows.map((row) => `${row}\n`).join("")}` };
}

const pass = (version: string, date: string) => `v${version}\t214ea6f\t${date}\tPASS`;

test("faults that are known are told exactly, each on its row and in the totals", async () => {
  const [cli, jenkins, ci] = [
    "crates/sentinel-cli/Cargo.toml",
    "docs/ci-templates/jenkinsfile.groovy",
    "docs/CI.md",
  ];
  interface Fault extends Pick<MadeTag, "signature"> {
    /** Days before the tag on which the lab passed. */
    readonly age?: number;
    readonly stale?: string;
    readonly isEarly?: boolean;
    readonly isBeside?: boolean;
    readonly isSkipped?: boolean;
    /** The version of a tag of the chart, and its signature. */
    readonly chart?: readonly [version: string, signature?: "signed"];
  }
  // A release every 100 days; rows go from the newest tag to the oldest.
  const known: readonly [version: string, fault: Fault, ...rows: string[]][] = [
    ["1.0.0", { isEarly: true }, "yes | yes | ok | none | 0 | -"],
    ["1.1.0", { age: 0 }, "yes | yes | ok | PASS 0d | 0 | 1.1.0 (1.1.0)"],
    ["1.2.0", { signature: undefined, age: 30 }, "no | yes | ok | PASS 30d | 0 | 1.2.0 (1.2.0)"],
    [
      "1.3.0",
      { signature: "lightweight", age: 31 },
      "light | yes | ok | PASS 31d | 0 | 1.3.0 (1.3.0)",
    ],
    ["1.4.0", {}, "yes | yes | ok | none | 0 | 1.4.0 (1.4.0)"],
    ["1.5.0", { isBeside: true, age: 1 }, "yes | no | ok | PASS 1d | 0 | 1.5.0 (1.5.0)"],
    ["1.6.0", { isSkipped: true }, "yes | yes | ok | skipped | 0 | 1.6.0 (1.6.0)"],
    ["1.7.0", { stale: cli, age: 1 }, "yes | yes | wrong | PASS 1d | 1 | 1.7.0 (1.7.0)"],
    ["1.8.0", { stale: jenkins, age: 1 }, "yes | yes | ok | PASS 1d | 1 | 1.8.0 (1.8.0)"],
    ["1.9.0", { stale: ci, age: 1 }, "yes | yes | ok | PASS 1d | 2 | 1.9.0 (1.9.0)"],
    [
      "1.10.0-rc.1",
      { chart: ["1.10.0-rc.1", "signed"] },
      "yes | yes | ok | - | 0 | 1.10.0-rc.1 (1.10.0-rc.1)",
      "yes | yes | ok | - | 0 | 1.10.0-rc.1 (1.10.0-rc.1)",
    ],
    [
      "1.11.0",
      { age: 2, chart: ["9.0.0"] },
      "yes | yes | ok | PASS 2d | 0 | 1.11.0 (1.11.0)",
      "no | yes | wrong | - | 2 | 1.11.0 (1.11.0)",
    ],
  ];
  const ledger: string[] = [];
  const expected: string[] = [];
  const commits = known.map(([version, fault, row, chartRow], index): MadeCommit => {
    const date = day(100 * index);
    const { age, stale, chart, isSkipped } = fault;
    if (age !== undefined) {
      ledger.push(pass(version, day(100 * index - age)));
    }
    const files = product(version, fault.isEarly ? undefined : ledger);
    const kept = Object.entries(files).filter(
      ([path]) => !fault.isEarly || !path.startsWith(`${layout.chart}/`),
    );
    const old = stale === undefined ? {} : { [stale]: smallProduct("0.0.1")[stale] ?? "" };
    const message = isSkipped ? "v\n\nBypassed: lab validation gate (--skip-lab)\n" : "v";
    const signature = "signature" in fault ? fault.signature : "signed";
    expected.unshift(`v${version} | ${date} | ${row}`);
    const tags: MadeTag[] = [{ tag: `v${version}`, at: noon(date), message, signature }];
    if (chart !== undefined) {
      const tag = `chart-v${chart[0]}`;
      expected.unshift(`${tag} | ${day(100 * index + 1)} | ${chartRow}`);
      tags.push({ tag, at: noon(day(100 * index + 1)), signature: chart[1] });
    }
    const beside = fault.isBeside === true;
    return { at: noon(date), files: { ...Object.fromEntries(kept), ...old }, beside, tags };
  });
  await using world = await testRepository();
  await makeHistory(world, commits);
  const audit = await auditReleases(repositoryOf(world), question);
  expect(cellsOf(audit.rows).map((cells) => cells.join(" | "))).toEqual(expected);
  expect(totalsOf(audit.rows)).toEqual({
    tags: 14,
    releases: 12,
    charts: 2,
    signature: { signed: 11, unsigned: 2, lightweight: 1 },
    onMain: { yes: 13, no: 1, unknown: 0 },
    manifests: { agree: 12, differ: 2, unreadable: 0 },
    lab: { pass: 8, tooOld: 1, skipped: 1, none: 2, unreadable: 0 },
    stale: { references: 6, tags: 4 },
    unreadable: 0,
    faulty: 9,
  });
  expect(audit.rows.find(({ tag }) => tag === "v1.9.0")?.stale).toMatchObject([
    { row: "PERF_SENTINEL_VERSION in a snippet", file: ci, found: "0.0.1", expected: "1.9.0" },
    { row: "perf-sentinel@vX.Y.Z", file: ci, found: "v0.0.1", expected: "v1.9.0" },
  ]);
});

describe("the files of one release", () => {
  const version = parseVersion("1.3.0");
  const today = parseDay("2026-08-07");
  const content = (changes: Record<string, string | undefined>, bypasses: string[] = []) => {
    const files = Object.entries({ ...product("1.3.0", []), ...changes });
    const there = files.flatMap(([path, text]) => (text === undefined ? [] : [[path, text]]));
    const tree = memoryTree(Object.fromEntries(there));
    return judgeContent(tree, { kind: "release", version }, { date: today, bypasses });
  };
  const bypass = ["lab validation gate (--skip-lab)"];
  const row = (...cells: string[]) => ({ [layout.ledger]: `${cells.join("\t")}\n` });
  const lab = (state: string, age?: number, hasLedger = true) => ({
    state,
    pass:
      age === undefined
        ? undefined
        : { date: dayBefore(today, age), ageDays: age, labCommit: "214ea6f" },
    hasLedger,
  });

  test.each<[string, Record<string, string | undefined>, string[], unknown]>([
    ["no ledger at all", { [layout.ledger]: undefined }, [], lab("none", undefined, false)],
    ["a PASS of long ago", row("v1.3.0", "214ea6f", "2026-05-07", "PASS"), [], lab("pass", 92)],
    ["a PASS after the tag", row("v1.3.0", "214ea6f", "2026-08-08", "PASS"), [], lab("none")],
    [
      "a bypass beside a PASS",
      row("v1.3.0", "214ea6f", "2026-08-06", "PASS"),
      bypass,
      lab("skipped", 1),
    ],
    ["another bypass", {}, ["image gate (--skip-image-check)"], lab("none")],
  ])("the lab: %s", async (_, changes, bypasses, expected) => {
    expect(await content(changes, bypasses)).toMatchObject({ lab: expected, faults: [] });
  });

  test("a sound release agrees, and has no stale reference", async () => {
    expect(await content({})).toEqual({
      manifests: "agree",
      lab: lab("none") as never,
      stale: [],
      chart: { version: "1.3.0", appVersion: "1.3.0" },
      faults: [],
    });
  });

  test("a release before there was a chart has none", async () => {
    const gone = Object.keys(smallProduct("1.3.0")).filter((path) => path.startsWith("charts/"));
    const found = await content(Object.fromEntries(gone.map((path) => [path, undefined])));
    expect(found).toMatchObject({ chart: "none", stale: [], faults: [] });
  });

  test("an image in values.yaml that cannot be read does not matter any more", async () => {
    const found = await content({ "charts/perf-sentinel/values.yaml": "image: a/b:1\n" });
    expect(found).toMatchObject({ stale: [], faults: [] });
  });

  test.each<[string, Record<string, string>, object]>([
    [
      "a manifest",
      { "Cargo.toml": "[broken" },
      { manifests: "unreadable", stale: "unreadable", chart: { version: "1.3.0" } },
    ],
    [
      "a lock file",
      { "Cargo.lock": "[broken" },
      { manifests: "agree", stale: "unreadable", chart: { version: "1.3.0" } },
    ],
    [
      "the chart",
      { "charts/perf-sentinel/Chart.yaml": "version: 1.10\n" },
      { manifests: "agree", stale: "unreadable", chart: "unreadable" },
    ],
  ])(
    "%s that cannot be read hides nothing else, and its fault is told once",
    async (_, changes, expected) => {
      const found = await content(changes);
      expect(found).toMatchObject(expected);
      expect(found.faults).toHaveLength(1);
    },
  );
});

describe("the files of one chart", () => {
  const audit = (tagged: string, changes: Record<string, string> = {}) =>
    judgeContent(
      memoryTree({ ...product("1.3.0", []), ...changes }),
      { kind: "chart", version: parseVersion(tagged, "chart-v") },
      { date: parseDay("2026-08-07"), bypasses: [] },
    );
  const manifest = smallProduct("1.3.0")["charts/perf-sentinel/Chart.yaml"] ?? "";
  const changed = (from: string, to: string) => ({
    "charts/perf-sentinel/Chart.yaml": manifest.replace(from, to),
  });

  test("only what follows the chart counts", async () => {
    const elsewhere = { "Cargo.toml": "[broken", "docs/CI.md": "" };
    expect(await audit("chart-v1.3.0", elsewhere)).toEqual({
      manifests: "agree",
      lab: "not asked",
      stale: [],
      chart: { version: "1.3.0", appVersion: "1.3.0" },
      faults: [],
    });
  });

  test.each<[string, string, Record<string, string>, object]>([
    [
      "its own version may run ahead of the application's",
      "chart-v1.3.1",
      {
        ...changed("version: 1.3.0", "version: 1.3.1"),
        "charts/perf-sentinel/CHANGELOG.md": "# Changelog\n\n## [1.3.1]\n\n- A change.\n",
      },
      { manifests: "agree", stale: [] },
    ],
    [
      "a promised image of another version than appVersion is stale",
      "chart-v1.3.0",
      changed('appVersion: "1.3.0"', 'appVersion: "1.2.9"'),
      { manifests: "agree", stale: [{ found: "1.3.0", expected: "1.2.9" }] },
    ],
    [
      "an appVersion that is no version is shown, and judges nothing",
      "chart-v1.3.0",
      changed('appVersion: "1.3.0"', 'appVersion: "latest"'),
      { stale: [], chart: { appVersion: "latest" }, faults: [] },
    ],
    [
      "a manifest that is not YAML is unreadable",
      "chart-v1.3.0",
      { "charts/perf-sentinel/Chart.yaml": "a: [" },
      { manifests: "unreadable", chart: "unreadable", faults: [{ level: "error" }] },
    ],
  ])("%s", async (_, tag, changes, expected) => {
    expect(await audit(tag, changes)).toMatchObject(expected);
  });
});

function dayBefore(from: Day, days: number): string {
  return new Date(Date.parse(from) - days * 86_400_000).toISOString().slice(0, 10);
}

const releases = (...versions: string[]): MadeCommit[] =>
  versions.map((version, index) => {
    const date = day(index);
    return {
      at: noon(date),
      files: product(version, [pass(version, date)]),
      tags: [{ tag: `v${version}`, at: noon(date), signature: "signed" }],
    };
  });

async function json(world: TestRepository, ...args: string[]) {
  const { code, stdout } = await runScript(script, [...args, "--json"], {
    cwd: world.root,
    env: world.env,
  });
  return { code, report: JSON.parse(stdout) as JsonReport };
}

test("what is unreadable at one tag stops no other, and refuses in the end", async () => {
  await using world = await testRepository();
  const [first, second, third] = releases("1.0.0", "1.1.0", "1.2.0");
  if (!(first && second && third)) {
    throw new Error("no history");
  }
  const broken = { ...second, files: { ...second.files, "Cargo.toml": "[broken" } };
  await makeHistory(world, [first, broken, third]);
  const commit = await world.git("rev-parse", "v1.0.0^{commit}");
  const missing = "0123456789012345678901234567890123456789";
  const blob = await world.git("rev-parse", "v1.0.0:Cargo.toml");
  await world.git("tag", "v2.0.0", blob);
  await world.git("update-ref", "refs/tags/v2.2.0", await world.git("rev-parse", "v1.0.0"));
  writeFileSync(join(world.root, ".git/refs/tags/v2.1.0"), `${missing}\n`);
  writeFileSync(join(world.root, ".git/refs/tags/chart-v2.1.0"), "nothing\n");
  // Such a corrupt object ends git itself: what else was asked has to be asked again.
  await world.git("tag", "-a", "-m", "v2.3.0", "v2.3.0", commit);
  const loose = await world.git("rev-parse", "v2.3.0");
  const path = join(world.root, ".git/objects", loose.slice(0, 2), loose.slice(2));
  chmodSync(path, 0o644);
  truncateSync(path, 60);

  const { code, report } = await json(world);
  expect(code).toBe(1);
  const short = report.data.tags.map((each: { tag: string; unreadable: string[] }) => [
    each.tag,
    each.unreadable.length,
  ]);
  expect(short).toEqual([
    ["v1.2.0", 0],
    ["v1.1.0", 1],
    ["v2.2.0", 0],
    ["v1.0.0", 0],
    ["chart-v2.1.0", 1],
    ["v2.3.0", 1],
    ["v2.1.0", 1],
    ["v2.0.0", 1],
  ]);
  const errors = report.findings.filter(({ level }) => level === "error");
  expect(errors.map(({ message }) => message)).toEqual([
    expect.stringContaining("Cannot audit all of v1.1.0: Cannot read Cargo.toml: not valid TOML"),
    "Cannot audit all of chart-v2.1.0: Cannot read tag chart-v2.1.0: its ref is broken",
    expect.stringMatching(/^Cannot audit all of v2\.3\.0: .*is corrupt/s),
    `Cannot audit all of v2.1.0: Cannot read tag v2.1.0: object ${missing} is missing`,
    `Cannot audit all of v2.0.0: Cannot read tag v2.0.0: it tags a blob, expected a commit`,
  ]);
  expect(errors[0]).toMatchObject({ file: "Cargo.toml", line: 1 });
  const look = errors[0]?.remedy?.replace("Look at what was tagged: ", "") ?? "";
  expect(await start(["sh", "-c", look], { cwd: world.root, env: world.env })).toMatchObject({
    code: 0,
    stdout: "[broken",
  });
  const renamed = report.data.tags.find(({ tag }: { tag: string }) => tag === "v2.2.0");
  expect(renamed.faults).toContain('another name in the tag object: "v1.0.0"');
});

test("--since takes releases by version, and charts by their date", async () => {
  await using world = await testRepository();
  const made = releases("1.0.0", "1.1.0", "1.0.1", "1.2.0");
  const charts = ["chart-v9.0.0", "chart-v0.1.0", "chart-v0.1.1", "chart-v0.1.2"];
  await makeHistory(
    world,
    made.map((commit, index) => ({
      ...commit,
      tags: [...commit.tags, { tag: charts[index] ?? "", at: commit.at }],
    })),
  );
  const audit = await auditReleases(repositoryOf(world), {
    ...question,
    since: parseVersion("1.1.0"),
  });
  expect(audit.rows.map(({ tag }) => tag)).toEqual([
    "chart-v0.1.2",
    "v1.2.0",
    "chart-v0.1.1",
    "chart-v0.1.0",
    "v1.1.0",
  ]);
  const { code, report } = await json(world, "--since", "1.0.5");
  expect({ code, findings: report.findings }).toEqual({
    code: 1,
    findings: [
      {
        level: "error",
        message: "Cannot audit releases since v1.0.5: found no such tag in this repository",
        remedy: "Name a release tag that exists locally; the next one is v1.1.0",
      },
    ],
  });
});

test("main is the checkout's, the remote's where that is ahead or alone, or the commit that --ref names; without one all else is audited", async () => {
  await using world = await testRepository();
  await makeHistory(world, releases("1.0.0", "1.1.0"));
  const onMain = async (main?: string) => {
    const { rows, main: found } = await auditReleases(repositoryOf(world), { ...question, main });
    return [found.value?.shown, ...rows.map(({ head }) => head?.onMain)];
  };
  expect(await onMain()).toEqual(["main", "yes", "yes"]);
  expect(await onMain("v1.0.0")).toEqual(["v1.0.0", "no", "yes"]);
  await world.git("update-ref", "refs/remotes/origin/main", "v1.1.0^{commit}");
  expect(await onMain()).toEqual(["main", "yes", "yes"]);
  await world.git("reset", "--quiet", "--hard", "v1.0.0");
  expect(await onMain()).toEqual(["origin/main", "yes", "yes"]);
  await world.commit({ other: "line" });
  expect(await onMain()).toEqual(["main", "no", "yes"]);
  await world.git("update-ref", "refs/remotes/origin/main", "v1.0.0^{commit}");
  await world.git("branch", "--move", "main", "other");
  expect(await onMain()).toEqual(["origin/main", "no", "yes"]);
  await world.git("update-ref", "-d", "refs/remotes/origin/main");
  expect(await onMain()).toEqual([undefined, "unknown", "unknown"]);
  const { code, report } = await json(world);
  expect(code).toBe(1);
  expect(report.data.tags).toHaveLength(2);
  expect(report.findings[0]).toMatchObject({
    level: "error",
    remedy: "Name the commit to use as the main branch with --ref COMMIT",
  });
});

test.each([
  ["fails", "exit 3"],
  ["says nothing", "exit 0"],
])("of a git that %s it is not known which commits are on main", async (_, fault) => {
  await using world = await testRepository();
  await makeHistory(world, releases("1.0.0"));
  const env = standIn(world, "git", `[ "$1" = rev-list ] && ${fault}\nexec "$REAL" "$@"`);
  const audit = await auditReleases({ root: world.root, env }, question);
  expect(audit.rows[0]?.head?.onMain).toBe("unknown");
  expect(audit.main.findings?.[0]?.message).toStartWith("Cannot list the commits on main");
});

test("in a shallow clone a commit that is not found may be on main all the same", async () => {
  await using world = await testRepository();
  await makeHistory(world, releases("1.0.0", "1.1.0", "1.2.0"));
  const clone = join(world.home, "shallow");
  await world.git("clone", "--quiet", "--depth=1", `file://${world.root}`, clone);
  await world.git("-C", clone, "fetch", "--quiet", "--depth=1", "origin", "tag", "v1.0.0");
  const audit = await auditReleases({ root: clone, env: gitEnvironment(world.env) }, question);
  expect(audit.rows.map(({ tag, head }) => [tag, head?.onMain])).toEqual([
    ["v1.2.0", "yes"],
    ["v1.0.0", "unknown"],
  ]);
});

describe("the command", () => {
  test("prints a line a tag, newest first, totals, and each kind of past fault once; and passes", async () => {
    await using world = await testRepository();
    const [first, second] = releases("1.0.0", "1.1.0");
    if (!(first && second)) {
      throw new Error("no history");
    }
    const late = { tag: "v1.1.0", at: second.at } as const;
    const stale = { "docs/CI.md": smallProduct("1.0.0")["docs/CI.md"] ?? "" };
    await makeHistory(world, [
      first,
      { ...second, files: { ...second.files, ...stale }, tags: [late, { ...late, tag: "vnext" }] },
    ]);
    const ended = await runScript(script, ["--html", "audit.html"], {
      cwd: world.root,
      env: world.env,
    });
    expect(ended).toMatchObject({
      code: 0,
      stderr: "",
      stdout: `tag            date        signed  main  files  lab       stale  chart (app)
v1.1.0         2024-01-11  no      yes   ok     PASS 0d   2      1.1.0 (1.1.0)
v1.0.0         2024-01-10  yes     yes   ok     PASS 0d   0      1.0.0 (1.0.0)
2 tags: 2 releases, 0 charts
signature: 1 signed, 1 unsigned
on main: 2 yes
manifests: 2 agree
lab: 2 PASS
stale references: 2 in 1 tag
1 tag with faults, 0 with something unreadable
not signed: 1 tag, newest v1.1.0
stale references: 1 tag, newest v1.1.0 (2)
not release tags, left out: vnext
wrote audit.html
`,
    });
    expect(await Bun.file(join(world.root, "audit.html")).text()).toContain("</html>");

    const { report } = await json(world, "--html", "audit.html");
    expect(report).toMatchObject({
      script,
      ok: true,
      exitCode: 0,
      data: {
        main: { name: "main" },
        totals: { tags: 2, stale: { references: 2, tags: 1 } },
        others: ["vnext"],
        tags: [
          { tag: "v1.1.0", date: "2024-01-11", staleCount: 2, unreadable: [] },
          { tag: "v1.0.0", signature: "signed", lab: { state: "pass" }, staleCount: 0, faults: [] },
        ],
      },
    });
  });

  test("says on a terminal that it works, if it takes long", async () => {
    await using world = await testRepository();
    await makeHistory(world, releases("1.0.0"));
    const env = standIn(world, "git", '[ "$1" = cat-file ] && sleep 1\nexec "$REAL" "$@"');
    const { code, shown } = await runOnTerminal([process.execPath, join(projectRoot, script)], {
      cwd: world.root,
      env: { ...env, TERM: "xterm" },
    });
    expect(code).toBe(0);
    expect(shown).toStartWith("Auditing tags ...\ntag            date ");
  });
});
