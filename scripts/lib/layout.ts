/**
 * The product's names, paths, thresholds and time limits: the defaults, and in their place what
 * `scripts/layout.ts` sets. A fork edits only that file.
 */

import * as fork from "../layout.ts";
import type { LayoutFault, Merged, OwnPlace } from "./layout-merge.ts";

/** One make target of the lab run. */
export interface LabStep {
  readonly name: string;
  readonly counts?: string;
}

/** The greatest age of a vintage, in `months` or `calendarYears`, and the procedure's words for it. */
export interface VintageRule {
  readonly months?: number;
  readonly calendarYears?: number;
  readonly words: string;
}

/** The product's own values. */
export const defaults = {
  /** The product: the name of its main crate, of its chart and of its image. */
  product: "perf-sentinel",
  /** The branch that releases are made from, and the remote that they are pushed to. */
  mainBranch: "main",
  remote: "origin",
  /** Globs of other branches that releases are made from, such as those of older lines. */
  releaseBranches: [] as readonly string[],
  /** The text before the version in a tag of each kind. */
  tagPrefix: "v",
  chartTagPrefix: "chart-v",
  /**
   * The workspace manifest, and crates that are checked even if `members` does not list them, or
   * `publish` is false. Both are relative to the top level.
   */
  workspaceManifest: "Cargo.toml",
  crateManifests: "crates/*/Cargo.toml",
  /**
   * Whether a normal or build dependency on a sibling crate, too, may be a range that admits the
   * version, such as `>=1`. A development dependency always may.
   */
  rangesBetweenCrates: false as boolean,
  /** The Helm chart's folder, relative to the top level. */
  chart: "charts/perf-sentinel",
  /** The chart's changelog, relative to the chart's folder; undefined if it has none. */
  chartChangelog: "CHANGELOG.md",
  /** The annotation of Chart.yaml that lists the images and their platforms. */
  imagesAnnotation: "artifacthub.io/images",
  /** The annotation that lists what is new in a release of the chart, written by hand. */
  changesAnnotation: "artifacthub.io/changes",
  /** The lab validation ledger, relative to the top level. */
  ledger: "release-gate/lab-validations.txt",
  /** The lab gate without its file extension, and its folder. No workflow may invoke it. */
  labGate: { command: "check-lab-validation", folder: "release-gate" },
  /**
   * The lab run (PROCEDURE step 4): make targets in the lab's checkout, in order. `counts` is the
   * text after a count such as `10/10`, of which both numbers must be equal.
   */
  labSteps: [
    { name: "down" },
    { name: "up" },
    { name: "seed-services" },
    { name: "validate-findings", counts: "scenarios pass" },
    { name: "verify-all-scenarios", counts: "detector outcomes match" },
  ] as readonly LabStep[],
  /** The lab's checkout in suggested commands, relative to the product's top level. */
  lab: "../perf-sentinel-simulation-lab",
  /** The workflows that a tag of each kind starts. */
  releaseWorkflow: ".github/workflows/release.yml",
  chartReleaseWorkflow: ".github/workflows/helm-release.yml",
  /** What release.yml publishes for a tag (PROCEDURE, What the release workflow does). */
  published: {
    /** The GitHub repository that builds and publishes, as OWNER/REPO on github.com. */
    repository: "robintra/perf-sentinel",
    /** The prefixes of the names of the release's binaries, one per platform. */
    binaries: [
      "perf-sentinel-linux-amd64",
      "perf-sentinel-linux-arm64",
      "perf-sentinel-macos-arm64",
      "perf-sentinel-windows-amd64",
    ],
    sbom: "perf-sentinel-sbom.spdx.json",
    /** The possible names of the file of SHA-256 checksums. */
    checksums: ["SHA256SUMS.txt", "SHA256SUMS", "checksums.txt", "checksums.sha256"],
    /** Where the image is pushed, for the platforms that the chart promises. */
    images: ["ghcr.io/robintra/perf-sentinel", "docker.io/robintra/perf-sentinel"],
    /** Where helm-release.yml pushes the chart. */
    chart: "ghcr.io/robintra/charts/perf-sentinel",
    /** The crates in the order of their publication, and the sparse index that lists them. */
    crates: ["perf-sentinel-core", "perf-sentinel"],
    crateIndex: "https://index.crates.io/",
  },
  /** Other places that state a release's version (PROCEDURE step 2), beside manifests and chart. */
  references: {
    lockFiles: ["Cargo.lock", "fuzz/Cargo.lock"],
    /** CI templates; Markdown files in this folder are not templates. */
    ciTemplates: "docs/ci-templates/*",
    ciGuides: ["docs/CI.md", "docs/FR/CI-FR.md"],
    /** The constant that templates and guides set. */
    versionConstant: "PERF_SENTINEL_VERSION",
    schemaExamples: "docs/schemas/examples/*.json",
    /** The only field of the examples that follows the release. */
    releaseUrlField: "binary_verification_url",
    /** A fork's own places, with `{version}` or `{major}.{minor}` once in each pattern. */
    own: [] as readonly OwnPlace[],
  },
  /** The commands of the local gates (PROCEDURE step 2), run before a bump is committed. */
  localGates: [
    "cargo fmt --all",
    "cargo clippy --workspace --all-targets --features daemon -- -D warnings",
    "cargo clippy --workspace --no-default-features -- -D warnings",
    "cargo test --workspace",
  ],
  /** UTC calendar days for which a lab validation is valid (PROCEDURE step 5). */
  maxValidationAgeDays: 30,
  /** Paths that must not change after a lab validation: their change makes it invalid. */
  validatedPaths: ["crates/", "Cargo.toml", "Cargo.lock", "Dockerfile"],
  /** The changelog of the application. */
  changelog: "CHANGELOG.md",
  /**
   * Embedded reference data (PROCEDURE step 2.5): the folder whose Rust source states their
   * vintages, and the greatest age of each on the day of a release, in months or calendar years.
   */
  vintages: {
    folder: "crates/sentinel-core/src/score",
    rules: {
      SPECPOWER_VINTAGE: { months: 6, words: "within the last two quarters" },
      CCF_LEGACY_VINTAGE: { months: 6, words: "within the last two quarters" },
      CARBON_PROFILES_VINTAGE: { calendarYears: 1, words: "of the current or the previous year" },
      CARBON_TABLE_VINTAGE: { calendarYears: 1, words: "of the current or the previous year" },
      PUE_VINTAGE: { months: 12, words: "refreshed within a year" },
    } as Readonly<Record<string, VintageRule>>,
  },
  /** Limits in milliseconds. */
  limits: {
    /** A question to a remote or a registry. */
    network: 30_000,
    /** A local question to git. */
    local: 60_000,
    /** A signature: long enough to find and touch a hardware key. */
    signing: 120_000,
  },
  /** Milliseconds before each further question about a push without a confirmation or a refusal. */
  askAgainAfter: [1000, 3000],
  /**
   * Milliseconds between two polls of a workflow or registry: the first pause and the longest one.
   * Each pause is 1.5 times as long as the one before.
   */
  lookAgain: { first: 5000, longest: 60_000 },
  /** Minutes that --wait waits by default (PROCEDURE step 7: typically 5-10). */
  waitMinutes: 20,
  /** Minutes for which --watch follows a workflow run: it builds and scans on every platform. */
  watchMinutes: 60,
};

interface MergedLayout {
  readonly layout: Merged<typeof defaults>;
  readonly faults: readonly LayoutFault[];
}

function withOwnValues(own: unknown): MergedLayout {
  if (own?.constructor === Object && Object.keys(own).length === 0) {
    return { layout: defaults, faults: [] };
  }
  const { mergeLayout } = require("./layout-merge.ts") as typeof import("./layout-merge.ts");
  return mergeLayout(defaults, own);
}

const merged = withOwnValues(fork.layout);

export const layoutFaults = merged.faults;

/** What the layout has. The lab gate is about a run of the lab that the ledger records. */
export const has = {
  chart: merged.layout.chart !== undefined,
  ledger: merged.layout.ledger !== undefined,
  lab: merged.layout.lab !== undefined,
  vintages: merged.layout.vintages !== undefined,
  labGate: merged.layout.lab !== undefined && merged.layout.ledger !== undefined,
} as const;

/**
 * The layout of this product. Without a chart or a ledger, its path is one that no file has, so that no
 * type needs the case: a command about it refuses (`needs`), and other commands leave it out (`has`).
 */
export const layout = {
  ...merged.layout,
  chart: merged.layout.chart ?? "no chart",
  ledger: merged.layout.ledger ?? "no ledger",
};
