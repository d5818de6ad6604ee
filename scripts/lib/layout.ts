/** What a fork edits: the product's names, paths, thresholds and time limits, all in one place. */

export const layout = {
  /** The product: the name of its main crate, of its chart and of its image. */
  product: "perf-sentinel",
  /** The branch that releases are made from, and the remote they go to. */
  mainBranch: "main",
  remote: "origin",
  /** Prefixes of the two kinds of tag; a version follows. */
  tagPrefix: "v",
  chartTagPrefix: "chart-v",
  /** The workspace manifest, and the crates that count even when `members` forgets them. */
  workspaceManifest: "Cargo.toml",
  crateManifests: "crates/*/Cargo.toml",
  /** The Helm chart's folder, relative to the top level. */
  chart: "charts/perf-sentinel",
  /** The annotation of Chart.yaml that lists the images and their platforms. */
  imagesAnnotation: "artifacthub.io/images",
  /** The lab validation ledger, relative to the top level. */
  ledger: "release-gate/lab-validations.txt",
  /** The lab gate, whatever its suffix, and its folder: no workflow may invoke it. */
  labGate: { command: "check-lab-validation", folder: "release-gate" },
  /**
   * The lab run (PROCEDURE step 4): targets of make in the lab's checkout, in order. `counts` are
   * the words behind the `10/10` that a step must report: all, whatever the total.
   */
  labSteps: [
    { name: "down" },
    { name: "up" },
    { name: "seed-services" },
    { name: "validate-findings", counts: "scenarios pass" },
    { name: "verify-all-scenarios", counts: "detector outcomes match" },
  ],
  /** The lab's checkout, relative to the product's top level, where a command is suggested. */
  lab: "../perf-sentinel-simulation-lab",
  /** The workflows that a tag of each kind starts. */
  releaseWorkflow: ".github/workflows/release.yml",
  chartReleaseWorkflow: ".github/workflows/helm-release.yml",
  /** What release.yml publishes for a tag (PROCEDURE, What the release workflow does). */
  published: {
    /** The GitHub repository that builds and publishes, as OWNER/REPO on github.com. */
    repository: "robintra/perf-sentinel",
    /** The names that the release's binaries begin with, one a platform. */
    binaries: [
      "perf-sentinel-linux-amd64",
      "perf-sentinel-linux-arm64",
      "perf-sentinel-macos-arm64",
      "perf-sentinel-windows-amd64",
    ],
    sbom: "perf-sentinel-sbom.spdx.json",
    /** The file of sha256 checksums, under any of the usual names. */
    checksums: ["SHA256SUMS.txt", "SHA256SUMS", "checksums.txt", "checksums.sha256"],
    /** Where the image is pushed; its platforms are those that the chart promises. */
    images: ["ghcr.io/robintra/perf-sentinel", "docker.io/robintra/perf-sentinel"],
    /** Where helm-release.yml pushes the chart. */
    chart: "ghcr.io/robintra/charts/perf-sentinel",
    /** The crates, in the order in which they are published, and the sparse index that lists them. */
    crates: ["perf-sentinel-core", "perf-sentinel"],
    crateIndex: "https://index.crates.io/",
  },
  /** Where else a release's version is written (PROCEDURE step 2), beside manifests and chart. */
  references: {
    lockFiles: ["Cargo.lock", "fuzz/Cargo.lock"],
    /** CI templates; Markdown among them is prose. */
    ciTemplates: "docs/ci-templates/*",
    ciGuides: ["docs/CI.md", "docs/FR/CI-FR.md"],
    /** The constant that templates and guides set. */
    versionConstant: "PERF_SENTINEL_VERSION",
    schemaExamples: "docs/schemas/examples/*.json",
    /** The one field of the examples that follows the release; the others are frozen. */
    releaseUrlField: "binary_verification_url",
  },
  /** Days that a lab validation stays good (PROCEDURE step 5), whole UTC calendar days. */
  maxValidationAgeDays: 30,
  /** Paths whose change after a validation means that something else is being released. */
  validatedPaths: ["crates/", "Cargo.toml", "Cargo.lock", "Dockerfile"],
  /** The changelog of the application. */
  changelog: "CHANGELOG.md",
  /**
   * Embedded reference data (PROCEDURE step 2.5): the folder whose Rust source states their
   * vintages, and what each must be on the day of a release: at most so many months old, or of that
   * calendar year or so many before it.
   */
  vintages: {
    folder: "crates/sentinel-core/src/score",
    rules: {
      SPECPOWER_VINTAGE: { months: 6, words: "within the last two quarters" },
      CCF_LEGACY_VINTAGE: { months: 6, words: "within the last two quarters" },
      CARBON_PROFILES_VINTAGE: { calendarYears: 1, words: "of the current or the previous year" },
      CARBON_TABLE_VINTAGE: { calendarYears: 1, words: "of the current or the previous year" },
      PUE_VINTAGE: { months: 12, words: "refreshed within a year" },
    },
  },
  /** Limits in milliseconds. */
  limits: {
    /** A question to a remote or a registry. */
    network: 30_000,
    /** A local question to git. */
    local: 60_000,
    /** A signature: long enough to find a hardware key and touch it. */
    signing: 120_000,
  },
  /** Milliseconds between the questions about a push that the remote neither confirmed nor refused. */
  askAgainAfter: [1000, 3000],
  /**
   * Milliseconds between the looks at what takes its time: before the second, and at most. Each pause is half
   * as long again as the one before, and a workflow's state is older than the longest anyway.
   */
  lookAgain: { first: 5000, longest: 60_000 },
  /** Minutes that --wait waits, if it does not say how many (PROCEDURE step 7: typically 5-10). */
  waitMinutes: 20,
  /** Minutes that --watch follows a workflow run at most: it builds and scans on every platform. */
  watchMinutes: 60,
} as const;
