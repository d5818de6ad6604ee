/** Walks whole releases of a product of the real shape, which has adopted the scripts, by what is printed. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { smallLab } from "../scripts/demo/product.ts";
import { type StandInRegistry, startRegistry } from "../scripts/demo/registry.ts";
import { defaults, layout } from "../scripts/lib/layout.ts";
import { notes, operatorOf } from "./helpers/operator.ts";
import { realShapeWorld } from "./helpers/real-shape.ts";
import { standIn, type Template, templateOf, today, worldFrom } from "./helpers/release.ts";
import { writeFiles } from "./helpers/world.ts";

/** What differs from run to run, by what it is. */
function settled(text: string): string {
  return text
    .replace(/^Asking [^\n]* \.\.\.\n/gm, "")
    .replace(/\n {56}/g, " ")
    .replace(/127\.0\.0\.1:\d+/g, "<registry>")
    .replace(/sha256:[0-9a-f]{64}/g, "sha256:<digest>")
    .replace(/SHA256:[\w+/]{43}/g, "SHA256:<key>")
    .replace(/\b\d{4}-\d\d-\d\d\b/g, "<day>")
    .replace(/\b\d+ days old\b/g, "<n> days old")
    .replace(/\b[0-9a-f]{7}\b/g, "<commit>");
}

/** Returns of each text the lines that the text before it did not have. */
function linesOfNews() {
  let before: readonly string[] = [];
  return (text: string) => {
    const lines = text.split(/(?<=\n)/);
    const news = lines.filter((line) => !before.includes(line)).join("");
    before = lines;
    return news;
  };
}

type Operator = ReturnType<typeof operate>;

/** An operator who edits files, too; `bun scripts/...` is the copy that the product has adopted. */
function operate(world: Awaited<ReturnType<typeof realShapeWorld>>) {
  const operator = operatorOf(world, (line) => line);
  return {
    ...operator,
    async edit(path: string, from: string | RegExp, to: string) {
      const file = Bun.file(join(world.root, path));
      const before = await file.text();
      const after = before.replaceAll(from, to);
      expect([path, before === after]).toEqual([path, false]);
      await Bun.write(file, after);
    },
    commit: (message: string) => operator.run(`git commit --quiet --all --message "${message}"`),
  };
}

/** The product of the real shape, which has adopted the scripts, beside a lab. */
async function product(registry: StandInRegistry): Promise<Operator> {
  const world = await realShapeWorld({ registry: registry.host });
  const lab = join(world.root, defaults.lab);
  writeFiles(lab, smallLab);
  await world.git("init", "--quiet", lab);
  await world.git("-C", lab, "add", "--all");
  await world.git("-C", lab, "commit", "--quiet", "--message", "Add the lab");
  return operate(world);
}

const chart = `${layout.chart}/Chart.yaml`;
const writeNotes = (world: Operator) =>
  world.edit(layout.changelog, /^(?=## \[0\.11\.1\])/gm, notes);
const writeChanges = (world: Operator) =>
  world.edit(chart, '"appVersion 0.11.1:', '"appVersion 0.12.0:');
const publish = (registry: StandInRegistry) =>
  registry.pushIndex("robintra/perf-sentinel", "0.12.0", ["linux/amd64", "linux/arm64"]);

interface Walk {
  /** Whether the operator chooses the candidate that status offers. */
  readonly withCandidate?: boolean;
  /** The next command before which the walk ends; default: that of the next release. */
  readonly until?: string;
}

/** Runs what status prints, with the work of a person in between. @returns The transcript. */
async function walk(world: Operator, registry: StandInRegistry, { withCandidate, until }: Walk) {
  const transcript: string[] = [];
  const stages: string[] = [];
  const news = linesOfNews();
  for (let stage = 0; stage < 30; stage += 1) {
    const { code, shown } = await world.runLine("bun scripts/status.ts");
    const text = settled(shown);
    transcript.push(`$ bun scripts/status.ts\n${news(text)}[exit ${code}]\n`);
    expect(stages).not.toContain(shown);
    stages.push(shown);
    const next = (text.trimEnd().split("\n").at(-1) ?? "").replace(/^ {2}(?:fix: )?/, "");
    expect(code).toBe(next.startsWith("git checkout -b ") ? 0 : 1);
    if (next === until || (code === 0 && stage > 0)) {
      break;
    }
    if (next.startsWith("Describe the changes below ## [Unreleased]")) {
      await writeNotes(world);
      transcript.push("# A person writes what is new.\n");
      continue;
    }
    if (next.endsWith(" --wait")) {
      publish(registry);
      transcript.push("# The image is published.\n");
    }
    const [, candidate] = /; for a candidate first: (.+)/.exec(text) ?? [];
    const chosen = withCandidate && candidate !== undefined ? candidate : next;
    const ended = await world.run(chosen);
    transcript.push(`$ ${chosen}\n`);
    if (ended.shown.includes(`follow the warning: ${layout.changesAnnotation}`)) {
      await writeChanges(world);
      transcript.push("# A person writes what is new in the chart.\n");
    }
  }
  return transcript.join("\n");
}

test.each([
  ["the recommended way", false],
  ["by way of a candidate, where the operator chooses it", true],
])(
  "each next command, run as printed, leads from a release to the next one: %s",
  async (_, withCandidate) => {
    using registry = startRegistry();
    await using world = await product(registry);
    const transcript = await walk(world, registry, { withCandidate });
    expect(transcript).toMatchSnapshot();
    expect(transcript).not.toMatch(/caution|warning/);
    expect(transcript).toEndWith(`nothing is under way; the newest release is v0.12.0
To begin 0.13.0, or another version in its place:
  git checkout -b release/0.13.0
[exit 0]
`);
    const tags = await world.git("ls-remote", "--tags", "origin", "*v0.12.0*");
    const names = tags.match(/refs\/tags\/[^^]*$/gm) ?? [];
    expect(names.sort()).toEqual([
      "refs/tags/chart-v0.12.0",
      "refs/tags/v0.12.0",
      ...(withCandidate ? ["refs/tags/v0.12.0-rc.1"] : []),
    ]);
  },
  120_000,
);

// Mistakes, each with the ways out that are printed

let registry: StandInRegistry;
/** Before the release branch is opened, and once it is bumped, validated and pushed. */
let begun: Template;
let validated: Template;

beforeAll(async () => {
  registry = startRegistry();
  publish(registry);
  await using world = await product(registry);
  begun = templateOf(world.home);
  await walk(world, registry, { until: "git checkout main" });
  validated = templateOf(world.home);
}, 60_000);

afterAll(() => registry[Symbol.dispose]());

const merge = async (world: Operator) => {
  await world.git("checkout", "--quiet", "main");
  await world.git("merge", "--quiet", "--no-ff", "-m", "Merge release/0.12.0", "release/0.12.0");
};

/** Makes a mistake on the release branch, commits it, and merges the branch. */
const merged = (spoil: (world: Operator) => Promise<unknown>) => async (world: Operator) => {
  await spoil(world);
  await world.commit("Spoil");
  await world.git("push", "--quiet", "origin", "release/0.12.0");
  await merge(world);
};

const release = "bun scripts/release.ts v0.12.0";
const releaseChart = "bun scripts/release-chart.ts chart-v0.12.0";

/** What a person does where a way out is no command; an answer is the command to run instead. */
type ByHand = readonly (readonly [
  text: RegExp,
  (world: Operator, text: string) => Promise<unknown>,
])[];

const usual: ByHand = [
  [/^Write there what is new in the chart 0\.12\.0/, (world) => writeChanges(world)],
  [/^Commit the changes, or |^commit (?:it|its row)$/, (world) => world.commit("Follow")],
];

interface Mistake {
  /** Whether it is made before the release branch is opened; default: once that is validated. */
  readonly early?: boolean;
  readonly make: (world: Operator) => Promise<unknown>;
  /** What the operator runs, in order; default: the release. */
  readonly lines?: readonly string[];
  readonly byHand?: ByHand;
}

/** A step of a way out: its command, or what a person does. */
function stepsOf(text: string): { command: string | undefined; prose: string }[] {
  // The first of several ways is followed.
  const [way = ""] = text.split(/\. (?:Or|If) /);
  return way.split(/, then:? /).map((prose) => {
    const [, command] = /(?:^|: )((?:git|bun) .+?)(?= \(|; |$)/.exec(prose) ?? [];
    return { command, prose };
  });
}

/** Runs a line, and follows the first way out that is printed until there is none. */
async function follow(world: Operator, line: string, byHand: ByHand): Promise<string> {
  const transcript: string[] = [];
  const seen: string[] = [];
  let current = line;
  for (let round = 0; round < 12; round += 1) {
    const { code, shown } = await world.runLine(current);
    const said = shown.match(/^(?:(?:error|warning): | {2}(?:fix|at) ?:? ).*\n/gm) ?? [];
    transcript.push(`$ ${current}\n${settled(said.join(""))}[exit ${code}]\n`);
    // An operator clears what refuses before what warns.
    const first = said.findIndex((each) => each.startsWith(code === 0 ? "warning: " : "error: "));
    const fixes = said.slice(Math.max(first, 0)).filter((each) => each.startsWith("  fix: "));
    const fix = fixes.find((each) => code === 0 && stepsOf(each)[0]?.command) ?? fixes[0];
    if (code === 0 && (fix === undefined || !/--dry-run|status|bump/.test(current))) {
      return transcript.join("\n");
    }
    const now = `${current}: ${shown}`;
    expect(seen).not.toContain(now);
    seen.push(now);
    const way = fix?.replace("  fix: ", "").trimEnd() ?? "";
    const run = current;
    current = line;
    for (const { command, prose } of stepsOf(way)) {
      const person = byHand.find(([text]) => text.test(prose));
      if (person !== undefined) {
        transcript.push("# A person does so.\n");
        const answer = await person[1](world, prose);
        current = typeof answer === "string" ? answer : current;
      } else if (command?.includes(/scripts\/(?:release|bump)/.exec(line)?.[0] ?? "\n")) {
        current = command;
      } else {
        expect([way, command]).not.toEqual([way, undefined]);
        transcript.push(`$ ${command}\n`);
        await world.run(command ?? "");
      }
    }
    if (code === 0 && run.startsWith("bun scripts/bump") && current === line) {
      return transcript.join("\n");
    }
  }
  throw new Error(`no end: ${transcript.join("\n")}`);
}

const kill = 'case "$*" in *" push "*refs/tags/*) kill -9 $PPID; exit 1;; esac; exec "$REAL" "$@"';
const ledger = layout.ledger;
const bump = "bun scripts/bump-version.ts 0.12.0";
const mistakes: Record<string, Mistake> = {
  "a bump on main": { early: true, make: writeNotes, lines: [bump], byHand: usual },
  "a bump that is committed on main": {
    early: true,
    make: async (world) => {
      await writeNotes(world);
      await world.run(bump);
      await writeChanges(world);
      await world.commit("Bump");
    },
    lines: [],
  },
  "another version than the branch's": {
    early: true,
    make: async (world) => {
      await world.git("checkout", "--quiet", "-b", "release/0.12.0");
      await writeNotes(world);
    },
    lines: ["bun scripts/bump-version.ts 0.21.0"],
    byHand: [
      [
        /^write 0\.12\.0 for 0\.21\.0 in /,
        async (world, text) => {
          for (const path of text.replace(/^.* in /, "").split(" and ")) {
            await world.edit(path, "0.21.0", "0.12.0");
          }
        },
      ],
      ...usual,
    ],
  },
  "a forgotten merge": { make: ({ git }) => git("checkout", "--quiet", "main") },
  "a forgotten bump": {
    make: merged(async (world) => {
      await world.git("checkout", "v0.11.1", "--", ".");
      await world.git("checkout", "HEAD", "--", ledger);
      await writeNotes(world);
    }),
    byHand: usual,
  },
  "a forgotten changelog heading": {
    make: merged((world) =>
      world.edit(layout.changelog, /^## \[Unreleased\]\n\n## \[0\.12\.0\].*/gm, "## [Unreleased]"),
    ),
    byHand: usual,
  },
  "a typo in the version": {
    make: merge,
    lines: ["bun scripts/release.ts v0.21.0"],
    byHand: [[/^Name v0\.12\.0 if /, async () => release]],
  },
  "the chart's tag given to the release": {
    make: merge,
    lines: [release, "bun scripts/release.ts chart-v0.12.0"],
  },
  "the release's tag given to the chart": {
    make: merge,
    lines: ["bun scripts/release-chart.ts v0.12.0"],
  },
  "uncommitted notes": {
    make: async (world) => {
      await merge(world);
      await world.edit(layout.changelog, "- Something new.", "- Something new, and more.");
    },
    byHand: usual,
  },
  "a row of the ledger with spaces for tabs": {
    make: merged((world) => world.edit(ledger, /^(v0\.12\.0)\t(.*)\t(.*)\t/gm, "$1 $2  $3 ")),
    byHand: usual,
  },
  "no PASS": {
    make: merged((world) => world.edit(ledger, /^v0\.12\.0\t.*\n/gm, "")),
    byHand: usual,
  },
  "a FAIL": {
    make: merged((world) => world.edit(ledger, /^(v0\.12\.0\t.*)PASS/gm, "$1FAIL")),
    byHand: usual,
  },
  "a PASS that is too old": {
    make: merged((world) => world.edit(ledger, /^(v0\.12\.0\t\w+\t)[\d-]+/gm, "$12026-01-01")),
    byHand: usual,
  },
  "an interrupted release": {
    make: async (world) => {
      await merge(world);
      const { PATH = "" } = standIn(world, "git", kill);
      expect((await world.runLine(`PATH='${PATH}' ${release} --yes`)).code).toBe(137);
    },
  },
  "a tag made by hand": {
    make: async (world) => {
      await merge(world);
      await world.run("git tag -s v0.12.0 -m v0.12.0");
    },
  },
  "a lightweight local copy of origin's tag": {
    make: async (world) => {
      await merge(world);
      await world.run(`${release} --yes`);
      await world.git("tag", "--force", "v0.12.0", "v0.12.0^{commit}");
    },
    lines: ["bun scripts/status.ts v0.12.0"],
  },
  "a stale vintage": {
    make: merged((world) =>
      world.edit(
        `${defaults.vintages.folder}/carbon.rs`,
        /(PUE_VINTAGE.*)"[\d-]+"/g,
        '$1"2019-01-01"',
      ),
    ),
    lines: [`${release} --dry-run`, release],
    byHand: [
      [
        /^Refresh the data and PUE_VINTAGE/,
        (world) => world.edit(`${defaults.vintages.folder}/carbon.rs`, "2019-01-01", today()),
      ],
      ...usual,
    ],
  },
  "the chart's list of changes as it was": {
    make: merged((world) => world.edit(chart, '"appVersion 0.12.0:', '"appVersion 0.11.1:')),
    lines: [release, `${releaseChart} --dry-run`, releaseChart],
    byHand: usual,
  },
  "a dirty work tree": {
    make: async (world) => {
      await merge(world);
      writeFiles(world.root, { "a note.txt": "x\n" });
      await world.edit("Dockerfile", "FROM", "# from\nFROM");
    },
  },
  "a main that is behind origin": {
    make: async (world) => {
      await merge(world);
      const other = join(world.home, "other");
      await world.git("clone", "--quiet", world.bare, other);
      await world.git("-C", other, "commit", "--quiet", "--allow-empty", "-m", "Elsewhere");
      await world.git("-C", other, "push", "--quiet", "origin", "main");
    },
    byHand: [[/^see whether the lab has validated/, async () => {}]],
  },
};

test.each(Object.entries(mistakes))(
  "after %s, the printed way out leads to a release, past no gate",
  async (_, { early = false, make, lines = [release], byHand = [] }) => {
    await using world = operate(worldFrom(early ? begun : validated));
    await make(world);
    const transcript: string[] = [];
    for (const line of lines) {
      transcript.push(await follow(world, line, byHand));
    }
    if (early) {
      const way = await walk(world, registry, {});
      const next = way.match(/^\$ (?!bun scripts\/status).*\n/gm) ?? [];
      transcript.push(`# As status says:\n${next.join("")}`);
    }
    expect(transcript.join("\n")).toMatchSnapshot();
    const theirs = (await world.remoteRefs())["refs/tags/v0.12.0"];
    expect(theirs).toBe(await world.git("rev-parse", "refs/tags/v0.12.0"));
    const made = await world.git("cat-file", "tag", "v0.12.0");
    expect(made).toContain("-----BEGIN SSH SIGNATURE-----");
    expect(made).not.toContain("Bypassed");
    // The gates, asked again about what was tagged, whose PASS is of a run of the lab.
    const lab = await world.git("-C", defaults.lab, "rev-parse", "--short=7", "HEAD");
    const tagged = await world.git("show", `v0.12.0:${ledger}`);
    // Midnight may pass while this runs.
    expect(tagged).toMatch(new RegExp(`v0\\.12\\.0\t${lab}\t\\d{4}-\\d\\d-\\d\\d\tPASS`));
    await world.run("bun scripts/check-tag-version.ts v0.12.0 --ref v0.12.0");
    await world.run("bun release-gate/check-lab-validation.ts --version v0.12.0 --ref v0.12.0");
  },
  60_000,
);

test("an older line is refused wherever it is begun, with the reason and no merge", async () => {
  await using world = operate(worldFrom(validated));
  await merge(world);
  await world.run(`${release} --yes`);
  await world.git("checkout", "--quiet", "-b", "release/0.11.2", "v0.11.1");
  const transcript: string[] = [];
  for (const line of [
    "bun scripts/bump-version.ts 0.11.2",
    "bun scripts/status.ts",
    "bun scripts/release.ts v0.11.2",
  ]) {
    const { code, shown } = await world.runLine(line);
    expect([line, code]).toEqual([line, 1]);
    const said = shown.match(/^(?:error: | {2}fix: ).*\n/gm) ?? [];
    transcript.push(`$ ${line}\n${settled(said.join(""))}`);
  }
  expect(transcript.join("\n")).toMatchSnapshot();
  expect(transcript.join("\n")).not.toMatch(/git (?:merge|push|tag)/);
});
