/** The one JSON contract of all commands: each is run to a pass, a refusal and a usage error. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv2020 from "ajv/dist/2020.js";
import { publishSoundly, soundAssets } from "../scripts/demo/gh.ts";
import { smallLab, smallProduct } from "../scripts/demo/product.ts";
import {
  type StandInCrateIndex,
  type StandInRegistry,
  startCrateIndex,
  startRegistry,
} from "../scripts/demo/registry.ts";
import { defaults, layout } from "../scripts/lib/layout.ts";
import { ghWorld } from "./helpers/gh.ts";
import { workflow } from "./helpers/real-shape.ts";
import { type ReleaseWorld, releaseWorld, standIn } from "./helpers/release.ts";
import { runScript } from "./helpers/run-script.ts";
import {
  type Ended,
  type JsonReport,
  projectRoot,
  type TestRepository,
  testRepository,
  writeFiles,
} from "./helpers/world.ts";
import schema from "./report.schema.json" with { type: "json" };

const validate = new Ajv2020({
  allErrors: true,
  strict: true,
  strictTypes: false,
  strictRequired: false,
}).compile(schema);

/** What the schema has against a value, one line a fault; nothing if it fits. */
function faultsOf(value: unknown): string[] {
  return validate(value)
    ? []
    : (validate.errors ?? []).map(
        ({ instancePath, message, params }) =>
          `${instancePath || "/"} ${message} ${JSON.stringify(params)}`,
      );
}

/** Every command there is. */
const commands = ["release-gate", "scripts"].flatMap((folder) =>
  readdirSync(join(projectRoot, folder))
    .filter((name) => name.endsWith(".ts") && name !== "layout.ts")
    .map((name) => `${folder}/${name}`),
);

type Variables = Readonly<Record<string, string>>;

interface Case {
  /** Command lines that pass, in order. */
  readonly passed: readonly (readonly string[])[];
  readonly refused: readonly (readonly string[])[];
  readonly usage: readonly string[];
  /** What a pass, or a refusal, needs of its environment. */
  readonly env?: { readonly passed?: Variables; readonly refused?: Variables };
  /** Whether it changes the shared world, or needs it changed; such run last, one by one. */
  readonly changes?: true;
}

let product: ReleaseWorld;
let registry: StandInRegistry;
let crates: StandInCrateIndex;
let github: ReturnType<typeof ghWorld>;
let lab: TestRepository;
let adopter: string;
/** The commit of 1.3.0. */
let main: string;
/** A commit on top of it in which everything that a check of files can refuse is wrong. */
let wrong: string;

/**
 * The command lines of every command, those that change the world in the order in which they run: run in the small product at 1.3.0, which is ahead of its
 * remote at 1.2.9. A function, so that they can name what the world is made of.
 */
const cases = (): Readonly<Record<string, Case>> => ({
  "release-gate/check-lab-validation.ts": {
    passed: [["--version", "v1.3.0"]],
    refused: [
      ["--version", "v9.9.9"],
      ["--version", "v1.3.0", "--ledger", "/none"],
    ],
    usage: [],
  },
  "release-gate/check-ledger.ts": {
    passed: [["origin/main"], ["--history"]],
    refused: [[main, "--ref", wrong]],
    usage: ["main", "--history", "--ref"],
  },
  "scripts/adopt.ts": {
    passed: [[adopter], [adopter, "--check"]],
    refused: [[projectRoot], [product.root, "--check"]],
    usage: [],
    changes: true,
  },
  "scripts/audit-releases.ts": {
    passed: [[]],
    refused: [["--since", "v9.9.9"]],
    usage: ["--since", "yesterday"],
  },
  "scripts/bump-version.ts": {
    passed: [["1.4.0", "--dry-run"]],
    refused: [["1.2.0"]],
    usage: ["next"],
  },
  "scripts/check-chart-appversion.ts": {
    passed: [[]],
    refused: [["--ref", wrong]],
    usage: ["v1.3.0"],
  },
  "scripts/check-chart-version-bumped.ts": {
    passed: [["origin/main"]],
    refused: [[main, "--ref", wrong]],
    usage: ["main", "v1.3.0"],
  },
  "scripts/check-helm-tag-version.ts": {
    passed: [["chart-v1.3.0"]],
    refused: [["chart-v1.3.1"]],
    usage: ["chart-v1.3"],
  },
  "scripts/check-references.ts": {
    passed: [["v1.3.0"]],
    refused: [["v1.3.1"]],
    usage: ["v1.3"],
  },
  "scripts/check-release-workflow.ts": {
    passed: [[]],
    refused: [["--ref", wrong]],
    usage: ["release.yml"],
  },
  "scripts/check-tag-version.ts": {
    passed: [["v1.3.0"]],
    refused: [["v1.3.1"], ["v1.3.0", "--ref", "none"]],
    usage: ["v1.3"],
  },
  "scripts/check-vintages.ts": {
    passed: [["--date", "2026-08-07"]],
    refused: [["--date", "2030-01-01", "--strict"]],
    usage: ["--date", "today"],
  },
  "scripts/demo.ts": {
    passed: [[]],
    // A world that cannot be made.
    refused: [[]],
    env: { refused: { PATH: "/nonexistent" } },
    usage: ["now"],
  },
  "scripts/record-validation.ts": {
    passed: [
      ["v1.3.1", "PASS", "--lab", lab.root],
      ["v1.3.1", "FAIL", "--lab", lab.root, "--append", join(lab.home, "ledger")],
    ],
    refused: [["v1.3.1", "PASS", "--lab", "/none"]],
    usage: ["v1.3.1", "MAYBE"],
  },
  "scripts/release.ts": {
    passed: [
      ["v1.3.0", "--dry-run"],
      ["v1.3.0", "--yes"],
      ["v1.3.0", "--resume"],
      ["v1.3.0", "--resume", "--watch"],
    ],
    refused: [["v1.3.1", "--yes"]],
    env: { passed: withGh() },
    usage: ["v1.3"],
    changes: true,
  },
  "scripts/release-chart.ts": {
    passed: [
      ["chart-v1.3.0", "--dry-run"],
      ["chart-v1.3.0", "--yes"],
    ],
    refused: [["chart-v1.3.1", "--yes"]],
    usage: ["chart-v1.3"],
    changes: true,
  },
  "scripts/status.ts": {
    passed: [["v1.3.0"]],
    refused: [["v1.4.0"]],
    usage: ["v1.3"],
    changes: true,
  },
  "scripts/validate-lab.ts": {
    passed: [["v1.3.1", "--lab", lab.root]],
    refused: [["v1.3.1", "--lab", "/none"]],
    usage: ["v1.3.1", "--from", "lunch"],
  },
  "scripts/verify-release.ts": {
    passed: [["v1.3.0", "--registry", registry.host, "--crate-index", crates.url]],
    refused: [
      ["v9.9.9", "--registry", registry.host, "--crate-index", crates.url],
      ["v1.3.0", "--registry", registry.host, "--crate-index", crates.url],
    ],
    env: { passed: withGh(), refused: standIn(product, "gh", "exit 4") },
    usage: ["latest"],
    changes: true,
  },
});

/** An environment whose gh tells of a sound release. */
function withGh(): Variables {
  return { PATH: `${github.gh.bin}:${product.env.PATH}` };
}

const additions = {
  [layout.releaseWorkflow]: workflow("v", "check-tag-version"),
  [layout.chartReleaseWorkflow]: workflow("chart-v", "check-helm-tag-version"),
  [`${defaults.vintages.folder}/table.rs`]: Object.keys(defaults.vintages.rules)
    .map((name) => `pub const ${name}: &str = "2026-07-01";\n`)
    .join(""),
};

type Kind = "passed" | "refused" | "usage" | "help";

/** One run of a command, and how it ended. */
interface Run extends Ended {
  readonly kind: Kind;
  readonly args: readonly string[];
  /** The step summary; undefined if there is none. */
  readonly summary: string | undefined;
}

const runs = new Map<string, readonly Run[]>();

async function runCase(script: string, each: Case): Promise<void> {
  // A release is of today: its tag must not be older than the row of the lab.
  const { GIT_AUTHOR_DATE: _, GIT_COMMITTER_DATE: __, ...isolated } = product.env;
  const lines: [Kind, readonly string[]][] = [
    ...each.refused.map((args): [Kind, readonly string[]] => ["refused", args]),
    ...each.passed.map((args): [Kind, readonly string[]] => ["passed", args]),
    ["usage", each.usage],
    ["help", ["--help"]],
  ];
  const ended: Run[] = [];
  for (const [index, [kind, args]] of lines.entries()) {
    const file = join(product.home, `summary-${script.replaceAll("/", "-")}-${index}.md`);
    const env = {
      ...isolated,
      ...(kind === "passed" || kind === "refused" ? each.env?.[kind] : {}),
      GITHUB_ACTIONS: "true",
      GITHUB_STEP_SUMMARY: file,
    };
    const run = await runScript(script, [...args, "--json"], { cwd: product.root, env });
    const summary = existsSync(file) ? readFileSync(file, "utf8") : undefined;
    ended.push({ ...run, kind, args, summary });
  }
  runs.set(script, ended);
}

beforeAll(async () => {
  crates = startCrateIndex();
  github = ghWorld();
  registry = startRegistry();
  registry.pushIndex("robintra/perf-sentinel", "1.3.0", ["linux/amd64", "linux/arm64"]);
  [product, lab] = await Promise.all([releaseWorld(registry.host), testRepository()]);
  await lab.commit(smallLab);
  writeFiles(lab.home, { ledger: "# ledger\n" });
  adopter = join(product.home, "adopter");
  await product.git("init", "--quiet", adopter);
  await product.git("tag", "v1.2.9", "HEAD~");
  main = await product.commit(additions, "Add workflows and vintages");
  const { "charts/perf-sentinel/Chart.yaml": chart = "" } = smallProduct("1.3.0");
  wrong = await product.commit({
    [layout.releaseWorkflow]: undefined,
    "charts/perf-sentinel/Chart.yaml": chart.replace('appVersion: "1.3.0"', 'appVersion: "1.2.9"'),
    [layout.ledger]: "v1.3.0\tabcdef0\t2026-08-07\tFAIL\n",
  });
  await product.git("reset", "--quiet", "--hard", main);

  const { published } = defaults;
  for (const name of published.crates) {
    crates.publish(name, "1.3.0");
  }
  publishSoundly(
    github.gh,
    {
      repository: published.repository,
      tag: "v1.3.0",
      commit: main,
      workflow: layout.releaseWorkflow,
    },
    soundAssets([...published.binaries, published.sbom], published.checksums[0]),
  );

  const table = cases();
  const there = Object.entries(table)
    .map(([script, each]) => ({ script, each }))
    .filter(({ script }) => commands.includes(script));
  const quiet = there.filter(({ each }) => each.changes === undefined);
  // As many at once as the machine has use for.
  await Promise.all(
    [0, 1, 2].map(async (lane) => {
      for (const [index, { script, each }] of quiet.entries()) {
        await (index % 3 === lane && runCase(script, each));
      }
    }),
  );
  for (const { script, each } of there.filter((one) => one.each.changes)) {
    await runCase(script, each);
  }
}, 120_000);

afterAll(async () => {
  registry[Symbol.dispose]();
  crates[Symbol.dispose]();
  github[Symbol.dispose]();
  await Promise.all([product, lab].map((world) => world[Symbol.asyncDispose]()));
});

test("every command has its row here and in the schema, and neither names another", () => {
  const rows = Object.keys(cases());
  expect(rows.toSorted()).toEqual(commands.toSorted());
  expect(schema.properties.script.enum.toSorted()).toEqual(commands.toSorted());
});

describe.each(commands)("%s", (script) => {
  const exitCodes: Record<Kind, number> = { passed: 0, refused: 1, usage: 2, help: 0 };

  test("prints one object that the schema describes, and its exit code is the process's", () => {
    const kinds = new Set<Kind>();
    for (const { kind, args, code, stdout } of runs.get(script) ?? []) {
      kinds.add(kind);
      const shown = `${script} ${args.join(" ")}`;
      expect({ shown, lines: stdout.split("\n").length }).toEqual({ shown, lines: 2 });
      const report = JSON.parse(stdout) as JsonReport;
      expect({ shown, report, faults: faultsOf(report) }).toEqual({ shown, report, faults: [] });
      const { ok, exitCode } = report;
      expect({ shown, report, ok, exitCode, code }).toEqual({
        shown,
        report,
        ok: exitCodes[kind] === 0,
        exitCode: exitCodes[kind],
        code: exitCodes[kind],
      });
    }
    expect([...kinds].toSorted()).toEqual(["help", "passed", "refused", "usage"]);
  });

  test("writes exactly one table into the step summary, and none for help", () => {
    for (const { kind, summary, code } of runs.get(script) ?? []) {
      if (kind === "help") {
        expect(summary).toBeUndefined();
        continue;
      }
      const [heading = "", blank, head = "", rule, ...rest] = (summary ?? "").split("\n");
      const verdict = code === 0 ? "passed" : `refused \\(exit code ${code}\\)`;
      expect(heading).toMatch(new RegExp(`^### \`${script}\`.*: ${verdict}$`));
      expect(blank).toBe("");
      const columns = head.split(" | ").length;
      expect(head).toMatch(/^\| .* \|$/);
      expect(rule).toBe(`| ${Array(columns).fill("---").join(" | ")} |`);
      const rows = rest.slice(0, -2);
      expect(rows.length).toBeGreaterThan(0);
      expect(rest.slice(-2)).toEqual(["", ""]);
      for (const row of rows) {
        expect(row).toMatch(/^\| .* \|$/);
        expect([row, row.split(" | ").length]).toEqual([row, columns]);
      }
    }
  });
});

test("the schema takes a sound report, and refuses what none may be", () => {
  const found = { level: "error", message: "x" };
  const sound = {
    script: "scripts/check-tag-version.ts",
    ok: false,
    exitCode: 1,
    findings: [{ ...found, file: "a", line: 1, column: 1 }],
  };
  expect(faultsOf(sound)).toEqual([]);
  const finding = (change: object) => ({ findings: [{ ...found, ...change }] });
  const ofRelease = { tag: "v1.3.0", commit: "a".repeat(40), outcome: "published" };
  const faulty: readonly object[] = [
    { extra: 1 },
    { script: "scripts/none.ts" },
    // A pass with a failing exit code, one that names an error, and a refusal that names none.
    { ok: true },
    { ok: true, exitCode: 0 },
    finding({ level: "warning" }),
    { exitCode: 3 },
    ...[{ message: "" }, { at: {} }, { level: "fatal" }, { line: 1 }, { file: "a", line: 0 }].map(
      finding,
    ),
    finding({ commit: "abc1234" }),
    // Data of a command that has none, of another shape, and too little of them.
    { data: { version: "1.3.0" } },
    { script: "scripts/check-vintages.ts", data: { date: "today" } },
    { script: "scripts/release.ts", data: ofRelease },
    { script: "scripts/check-references.ts", ok: true, exitCode: 0, findings: [] },
  ];
  const taken = faulty.filter((change) => faultsOf({ ...sound, ...change }).length === 0);
  expect(taken).toEqual([]);
});
