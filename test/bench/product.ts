/** Every command on the product's files: the real ones where they are, else the small product. */

import { cpSync } from "node:fs";
import { join } from "node:path";
import { smallProduct } from "../../scripts/demo/product.ts";
import { chartManifest } from "../../scripts/lib/files/chart.ts";
import { table } from "../../scripts/lib/files/references.ts";
import { layout } from "../../scripts/lib/layout.ts";
import { productFolder } from "../helpers/product.ts";
import { ledgerRow, standIn, today } from "../helpers/release.ts";
import { projectRoot, type TestRepository, testRepository, writeFiles } from "../helpers/world.ts";
import { type Cost, costsOf, type Subject } from "./measure.ts";

/** One of this project's scripts, as a command. */
export function script(path: string, ...args: string[]): Subject {
  return {
    title: [path, ...args.filter((each) => /^--?[a-z]/.test(each))].join(" "),
    command: [join(projectRoot, path), ...args],
  };
}

interface ProductWorld extends TestRepository {
  readonly version: string;
  readonly lab: string;
  /** The product's last commit but one. */
  readonly base: string;
}

/** A workflow that checks its tag first, as the gate on workflows wants it. */
const workflowOf = (tags: string, check: string) => `on:
  push:
    tags: ["${tags}"]
jobs:
  check-version:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: bun ${check} "$GITHUB_REF_NAME"
`;

/** The product on its origin, ready to be released, with a lab beside it. */
async function productWorld(): Promise<ProductWorld> {
  const world = await testRepository();
  if (productFolder === undefined) {
    writeFiles(world.root, smallProduct("0.11.1"));
  } else {
    cpSync(productFolder, world.root, { recursive: true });
    await Bun.$`chmod -R u+w ${world.root}`.quiet();
  }
  const manifest = await Bun.file(join(world.root, layout.workspaceManifest)).text();
  const version = /^version = "(.*)"$/m.exec(manifest)?.[1] ?? "0.11.1";
  const base = await world.commit(
    {
      [layout.releaseWorkflow]: workflowOf("v[0-9]*", "scripts/check-tag-version.ts"),
      [layout.chartReleaseWorkflow]: workflowOf("chart-v*", "scripts/check-helm-tag-version.ts"),
    },
    "Product",
  );
  await world.addRemote();
  await world.useSshKey();
  const ledger = Bun.file(join(world.root, layout.ledger));
  const rows = (await ledger.exists()) ? await ledger.text() : "";
  await world.commit({ [layout.ledger]: `${rows}${ledgerRow(version)}` }, "Record the lab");
  await world.git("push", "--quiet", "origin", "main");
  await world.git("tag", "v0.0.1", base);
  const lab = join(world.home, "lab");
  await world.git("init", "--quiet", lab);
  writeFiles(lab, { Makefile: makefile });
  await world.git("-C", lab, "add", "--all");
  await world.git("-C", lab, "commit", "--quiet", "--message", "Lab");
  // A release dates its tag by the clock of this machine.
  const env = { ...world.env, GIT_COMMITTER_DATE: `${today()}T12:00:00Z` };
  return { ...world, env, version, lab, base };
}

const makefile = layout.labSteps
  .map((step) => `${step.name}:\n\t@echo ${"counts" in step ? `10/10 ${step.counts}` : "done"}\n`)
  .join("");

/** A command that only checks, and what it cannot do without. */
interface Check {
  readonly subject: Subject;
  /** How many questions to git must wait for one another. */
  readonly questions: number;
  /** Globs of the files that it reads. */
  readonly reads: readonly string[];
}

/** The commands that only check; the budget holds for each of them. */
function checks(version: string, base: string): Check[] {
  const manifest = chartManifest(layout.chart);
  const values = `${layout.chart}/values.yaml`;
  const manifests = [layout.workspaceManifest, layout.crateManifests];
  const references = table.filter(({ follows }) => follows !== "chart");
  const check = (subject: Subject, reads: readonly string[], questions = 1): Check => ({
    subject,
    questions,
    reads,
  });
  return [
    check(script("scripts/check-tag-version.ts", version), manifests),
    // The top level, the commit, and its files.
    check(script("scripts/check-tag-version.ts", version, "--ref", "HEAD"), manifests, 3),
    check(script("scripts/check-helm-tag-version.ts", version), [manifest]),
    check(script("scripts/check-chart-appversion.ts"), [manifest, values]),
    // The top level, the two commits, and where they parted.
    check(script("scripts/check-chart-version-bumped.ts", base), [], 3),
    check(script("scripts/check-references.ts", version), [
      ...new Set([...references.flatMap(({ where }) => where), values]),
    ]),
    check(script("scripts/check-release-workflow.ts"), [".github/workflows/*"]),
    check(script("scripts/check-vintages.ts"), [`${layout.vintages.folder}/**/*.rs`]),
    // The top level, and the tags.
    check(script("release-gate/check-ledger.ts"), [layout.ledger], 2),
    check(script("release-gate/check-lab-validation.ts", "--version", version), [layout.ledger]),
  ];
}

const theLeast = "the least of ";

/** The least that a check does: its questions and its files, and nothing made of them. */
function leastOf({ subject, questions, reads }: Check, root: string): Subject {
  const files = reads.flatMap((glob) => [...new Bun.Glob(glob).scanSync({ cwd: root, dot: true })]);
  return {
    title: `${theLeast}${subject.title}`,
    command: [join(import.meta.dir, "least.ts"), String(questions), ...files],
  };
}

/** The other commands, as far as they go without a network. */
function others({ version, lab, home }: ProductWorld, offline: Record<string, string>): Subject[] {
  const tag = `v${version}`;
  const nowhere = "http://127.0.0.1:9";
  return [
    script("scripts/bump-version.ts", "99.0.0", "--dry-run"),
    script("scripts/record-validation.ts", version, "PASS", "--lab", lab),
    script("scripts/validate-lab.ts", version, "--lab", lab),
    script("scripts/release.ts", tag, "--dry-run"),
    script("scripts/release-chart.ts", `chart-v${version}`, "--dry-run", "--skip-image-check"),
    { ...script("scripts/status.ts", version), env: offline },
    {
      ...script(
        ...(["scripts/verify-release.ts", tag] as const),
        ...["--registry", "127.0.0.1:9", "--crate-index", `${nowhere}/`],
      ),
      env: offline,
    },
    script("scripts/audit-releases.ts"),
    script("scripts/adopt.ts", join(home, "checkout"), "--check"),
  ];
}

/** What a check costs, and the least that it could. */
export interface CheckCost extends Cost {
  readonly least: Cost;
}

/** What each command costs on the product's files. */
export async function productCosts(): Promise<{
  readonly empty: Cost;
  readonly checks: readonly CheckCost[];
  readonly others: readonly Cost[];
}> {
  await using world = await productWorld();
  const { root, env, version, base } = world;
  // Neither a login nor a network of this machine is part of a measurement.
  const offline = standIn(world, "gh", "echo 'gh auth login' >&2; exit 4");
  const all = checks(version, base);
  const pairs = all.flatMap((each) => [each.subject, leastOf(each, root)]);
  const [empty, ...costs] = await costsOf(pairs, root, env, 15);
  const fallen = costs.find(({ title, exitCode }) => title.startsWith(theLeast) && exitCode !== 0);
  if (fallen !== undefined) {
    throw new Error(`${fallen.title}: exit code ${fallen.exitCode}`);
  }
  const [, ...rest] = await costsOf(others(world, offline), root, env, 3);
  return {
    empty: empty as Cost,
    checks: all.map((_, index) => ({
      ...(costs[2 * index] as Cost),
      least: costs[2 * index + 1] as Cost,
    })),
    others: rest,
  };
}
