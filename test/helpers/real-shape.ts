/**
 * A product of the real shape: what the small product has, and where the real one differs from the
 * table of references for good. It stands released at 0.11.1, with a signed tag of each kind.
 */

import { smallProduct } from "../../scripts/demo/product.ts";
import { defaults, layout } from "../../scripts/lib/layout.ts";
import { type ReleaseWorld, type Template, templateOf, today, worldFrom } from "./release.ts";
import { startScript, testRepository } from "./world.ts";

/** The version at which the world stands. */
export const released = "0.11.1";

/** Returns a workflow in the documented form. */
export const workflow = (tag: string, check: string) => `on:
  push:
    tags: ["${tag}*"]
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: bun scripts/${check}.ts "$GITHUB_REF_NAME"
`;

/** A constant with its vintage, as the product's source has them. */
const vintage = (name: string) => `pub const ${name}: &str = "${today()}";\n`;

/** Returns the files of the product at a version, by path. */
export function realShape(version: string, registry?: string): Record<string, string> {
  const small = smallProduct(version, registry);
  const guide = `# CI\n\n\`\`\`yaml\nenv:\n  ${layout.references.versionConstant}: "${version}"\n\`\`\`\n`;
  const changes = `  artifacthub.io/changes: |\n    - kind: changed\n      description: "appVersion ${version}: a finding names its deployment."\n`;
  const chart = "charts/perf-sentinel/Chart.yaml";
  return {
    ...small,
    "CHANGELOG.md": (small["CHANGELOG.md"] ?? "").replace("2026-08-07", today()),
    // One template downloads nothing, and the guides mention no version beside the constant.
    "docs/ci-templates/github-actions-report-cleanup.yml":
      "on: {pull_request: {types: [closed]}}\n",
    "docs/CI.md": guide,
    "docs/FR/CI-FR.md": guide,
    [chart]: (small[chart] ?? "").replace("annotations:\n", `annotations:\n${changes}`),
    // CCF_LEGACY_VINTAGE was renamed long ago.
    [`${defaults.vintages.folder}/cloud_energy/table.rs`]: vintage("SPECPOWER_VINTAGE"),
    [`${defaults.vintages.folder}/carbon_profiles.rs`]: vintage("CARBON_PROFILES_VINTAGE"),
    [`${defaults.vintages.folder}/carbon.rs`]:
      vintage("CARBON_TABLE_VINTAGE") + vintage("PUE_VINTAGE"),
    [layout.releaseWorkflow]: workflow("v", "check-tag-version"),
    [layout.chartReleaseWorkflow]: workflow("chart-v", "check-helm-tag-version"),
    Dockerfile: "FROM scratch\n",
    "scripts/check-tag-version.ts": "// adopted\n",
    "scripts/check-helm-tag-version.ts": "// adopted\n",
  };
}

/** The files that an adoption brings. */
const adopted = ["scripts/check-tag-version.ts", "scripts/check-helm-tag-version.ts"];

/** What an adopted product is made of: the scripts, and a chart that pulls from a registry. */
export interface Adoption {
  /** Host and port of the registry. */
  readonly registry: string;
}

const templates = new Map<string | undefined, Promise<Template>>();

async function makeTemplate(adoption: Adoption | undefined): Promise<Template> {
  await using world = await testRepository();
  Object.assign(world.env, { GIT_COMMITTER_DATE: `${today()}T10:00:00Z` });
  const shape = (version: string) => {
    const files = Object.entries(realShape(version, adoption?.registry));
    return Object.fromEntries(files.filter(([path]) => !(adoption && adopted.includes(path))));
  };
  const row = (version: string) => `v${version}\t214ea6f\t${today()}\tPASS\n`;
  const ledger = `# ledger\n${row("0.11.0")}`;
  if (adoption !== undefined) {
    await startScript("scripts/adopt.ts", [world.root], { cwd: world.home, env: world.env });
  }
  await world.commit({ ...shape("0.11.0"), [layout.ledger]: ledger }, "Release 0.11.0");
  await world.addRemote();
  await world.useSshKey();
  await world.git("tag", "--sign", "--message=v0.11.0", "v0.11.0");
  await world.git("tag", "--sign", "--message=chart-v0.11.0", "chart-v0.11.0");
  const files = { ...shape(released), [layout.ledger]: ledger + row(released) };
  await world.commit(files, `Release ${released}`);
  await world.git("tag", "--sign", `--message=v${released}`, `v${released}`);
  await world.git("tag", "--sign", `--message=chart-v${released}`, `chart-v${released}`);
  await world.git("push", "--quiet", "origin", "main", "--tags");
  return templateOf(world.home);
}

/**
 * Makes a clone of the product, released at 0.11.1 on its origin, with a signing key.
 *
 * @param adoption Default: the product has not adopted the scripts.
 */
export async function realShapeWorld(adoption?: Adoption): Promise<ReleaseWorld> {
  const made = templates.get(adoption?.registry) ?? makeTemplate(adoption);
  templates.set(adoption?.registry, made);
  return worldFrom(await made);
}
