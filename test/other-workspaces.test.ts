/** Other repositories than the product: only the layout of the scripts differs. */

import { describe, expect, test } from "bun:test";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type JsonReport,
  projectRoot,
  start,
  temporaryFolder,
  testRepository,
} from "./helpers/world.ts";

interface Sample {
  /** The values of the layout that differ from the product's. */
  readonly layout: object;
  readonly crates: readonly string[];
  readonly lockFile: string;
  readonly before: Readonly<Record<string, string>>;
  /** The files that a bump to 1.3.0 changes, apart from the chart's and the changelogs. */
  readonly after: Readonly<Record<string, string>>;
}

const crate = (name: string, version: string, rest = "") =>
  `[package]\nname = "${name}"\nversion = "${version}"\nedition = "2021"\n${rest}`;
const inheriting = (name: string, rest = "") =>
  crate(name, "", rest).replace(' = ""', ".workspace = true");
const locked = (packages: Readonly<Record<string, string>>) =>
  `version = 4\n${Object.entries(packages)
    .map(([name, version]) => `\n[[package]]\nname = "${name}"\nversion = "${version}"\n`)
    .join("")}`;
const depends = (table: string, name: string, version: string, path: string) =>
  `\n[${table}]\n${name} = { path = "${path}", version = "${version}" }\n`;

/** Each crate states its version. `core` and `top` need each other, so one of them in tests alone. */
const explicit = (version: string) => ({
  "core/Cargo.toml": crate(
    "sample-core",
    version,
    depends("dev-dependencies", "sample", ">=1", "../top"),
  ),
  "top/Cargo.toml": crate(
    "sample",
    version,
    depends("dependencies", "sample-core", `=${version}`, "../core"),
  ),
  "Cargo.lock": locked({ sample: version, "sample-core": version, xtask: "0.1.0" }),
});

/** The root package states the version; an example requires a version that the next one ends. */
const rooted = (version: string, example: string) => ({
  "Cargo.toml": crate(
    "sample",
    version,
    `${depends("dependencies", "sample-core", version, "crates/core")}
[workspace]
members = ["crates/*", "examples/demo"]
`,
  ),
  "crates/core/Cargo.toml": crate("sample-core", version, "publish = false\n"),
  "examples/demo/Cargo.toml": crate(
    "demo",
    "0.0.0",
    `publish = false\n${depends("dependencies", "sample", example, "../..")}`,
  ),
  "Cargo.lock": locked({ demo: "0.0.0", sample: version, "sample-core": version }),
});

/** The workspace is in a subfolder, and its xtask has the shared version, too. */
const nested = (version: string) => ({
  "rust/Cargo.toml": `[workspace]
members = ["*", "libs/*"]
exclude = ["old"]

[workspace.package]
version = "${version}"

[workspace.dependencies]
sample-core = { path = "libs/core", version = "${version}" }
`,
  "rust/Cargo.lock": locked({ sample: version, "sample-core": version, xtask: version }),
});

const samples: Readonly<Record<string, Sample>> = {
  "whose crates state their versions": {
    layout: {},
    crates: ["sample-core", "sample"],
    lockFile: "Cargo.lock",
    before: {
      "Cargo.toml": '[workspace]\nmembers = ["core", "top", "xtask"]\nresolver = "2"\n',
      ...explicit("1.2.9"),
      "xtask/Cargo.toml": crate(
        "xtask",
        "0.1.0",
        `publish = false\n${depends("dependencies", "sample-core", "1", "../core")}`,
      ),
    },
    after: explicit("1.3.0"),
  },
  "with a root package": {
    layout: {},
    crates: ["sample"],
    lockFile: "Cargo.lock",
    before: rooted("1.2.9", "~1.2"),
    after: rooted("1.3.0", "1.3.0"),
  },
  "in a subfolder": {
    layout: { workspaceManifest: "rust/Cargo.toml", crateManifests: "rust/libs/*/Cargo.toml" },
    crates: ["sample-core", "sample"],
    lockFile: "rust/Cargo.lock",
    before: {
      ...nested("1.2.9"),
      "rust/a/Cargo.toml": inheriting("sample", "\n[dependencies]\nsample-core.workspace = true\n"),
      "rust/libs/core/Cargo.toml": inheriting("sample-core"),
      "rust/old/Cargo.toml": crate("old", "0.3.0"),
      "rust/xtask/Cargo.toml": inheriting("xtask", "publish = false\n"),
    },
    after: nested("1.3.0"),
  },
};

const chart = `apiVersion: v2
name: sample
version: 1.2.9
appVersion: "1.2.9"
annotations:
  artifacthub.io/images: |
    - name: sample
      image: ghcr.io/example/sample:1.2.9
`;

describe("a workspace", () => {
  test.each(Object.entries(samples))(
    "%s is bumped, checked and audited after an edit of the layout alone",
    async (_, { layout, crates, lockFile, before, after }) => {
      using copy = temporaryFolder();
      for (const folder of ["scripts", "release-gate"]) {
        cpSync(join(projectRoot, folder), join(copy.path, folder), { recursive: true });
      }
      const values = {
        product: "sample",
        chart: "charts/sample",
        published: { crates, images: ["ghcr.io/example/sample"] },
        references: { lockFiles: [lockFile] },
        ...layout,
      };
      writeFileSync(
        join(copy.path, "scripts/layout.ts"),
        `export const layout = ${JSON.stringify(values)};\n`,
      );
      await using world = await testRepository();
      const files: Record<string, string> = {
        ...before,
        "CHANGELOG.md":
          "# Changelog\n\n## [Unreleased]\n\n- new\n\n## [1.2.9] - 2026-08-01\n\n- old\n",
        "charts/sample/Chart.yaml": chart,
        "charts/sample/values.yaml": "image:\n  repository: ghcr.io/example/sample\n",
        "charts/sample/CHANGELOG.md": "# Changelog\n\n## [1.2.9]\n\n- old\n",
      };
      await world.commit(files, "Release 1.2.9");
      const run = async (script: string, ...args: string[]) =>
        await start([process.execPath, join(copy.path, `scripts/${script}.ts`), ...args], {
          cwd: world.root,
          env: world.env,
        });
      const passed = { code: 0, stderr: "" };
      expect(await run("check-references", "v1.2.9")).toMatchObject(passed);
      expect(await run("bump-version", "1.3.0", "--date", "2026-09-01")).toMatchObject(passed);
      for (const [path, text] of Object.entries({ ...before, ...after })) {
        expect([path, await Bun.file(join(world.root, path)).text()]).toEqual([path, text]);
      }
      expect(await run("check-tag-version", "v1.3.0")).toMatchObject(passed);
      await world.git("commit", "--quiet", "--all", "--message", "Bump to 1.3.0");
      await world.git("tag", "--annotate", "--message", "v1.3.0", "v1.3.0");
      expect(await run("check-references", "v1.3.0", "--ref", "v1.3.0")).toMatchObject(passed);
      const { stdout } = await run("audit-releases", "--json");
      const { data } = JSON.parse(stdout) as JsonReport;
      expect(data).toMatchObject({ tags: [{ tag: "v1.3.0", manifests: "agree", stale: [] }] });
    },
  );
});
