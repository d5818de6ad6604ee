/** Every command on the product's files: the real ones where they are, else the small product. */

import { cpSync } from "node:fs";
import { join } from "node:path";
import { smallProduct } from "../../scripts/lib/demo/product.ts";
import { layout } from "../../scripts/lib/layout.ts";
import { productFolder } from "../helpers/product.ts";
import { ledgerRow, standIn } from "../helpers/release.ts";
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
  return { ...world, version, lab, base };
}

const makefile = layout.labSteps
  .map((step) => `${step.name}:\n\t@echo ${"counts" in step ? `10/10 ${step.counts}` : "done"}\n`)
  .join("");

/** What any check pays for before it has checked anything. */
const least: Subject = {
  title: "the least that a check does",
  command: [join(import.meta.dir, "least.ts"), layout.workspaceManifest],
};

/** The commands that only check; the budget holds for each of them. */
function checks(version: string, base: string): Subject[] {
  return [
    script("scripts/check-tag-version.ts", version),
    script("scripts/check-tag-version.ts", version, "--ref", "HEAD"),
    script("scripts/check-helm-tag-version.ts", version),
    script("scripts/check-chart-appversion.ts"),
    script("scripts/check-chart-version-bumped.ts", base),
    script("scripts/check-references.ts", version),
    script("scripts/check-release-workflow.ts"),
    script("scripts/check-vintages.ts"),
    script("release-gate/check-ledger.ts"),
    script("release-gate/check-lab-validation.ts", "--version", version),
  ];
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

/**
 * What each command costs on the product's files; the empty process comes first in both, and the
 * least that a check does comes second among the checks.
 */
export async function productCosts(): Promise<{
  readonly checks: readonly Cost[];
  readonly others: readonly Cost[];
}> {
  await using world = await productWorld();
  const { root, env, version, base } = world;
  // Neither a login nor a network of this machine is part of a measurement.
  const offline = standIn(world, "gh", "echo 'gh auth login' >&2; exit 4");
  return {
    checks: await costsOf([least, ...checks(version, base)], root, env, 15),
    others: await costsOf(others(world, offline), root, env, 3),
  };
}
