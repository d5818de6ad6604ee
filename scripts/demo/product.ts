/** A small product with the structure of the real one: workspace, chart, docs, changelogs and ledger. */

/** Returns the files of the product at a version, by path. */
export function smallProduct(version: string, registry = "ghcr.io"): Record<string, string> {
  const image = `${registry}/robintra/perf-sentinel`;
  return {
    "Cargo.toml": `[workspace]
members = ["crates/sentinel-core", "crates/sentinel-cli"]
resolver = "3"

[workspace.package]
version = "${version}"
edition = "2024"
`,
    "crates/sentinel-core/Cargo.toml": `[package]
name = "perf-sentinel-core"
version.workspace = true
edition.workspace = true

[dependencies]
serde = "1.0.229"
`,
    "crates/sentinel-cli/Cargo.toml": `[package]
name = "perf-sentinel"
version.workspace = true
edition.workspace = true

[dependencies]
perf-sentinel-core = { version = "${version}", path = "../sentinel-core" }
serde = "1.0.229"
`,
    "Cargo.lock": `version = 4

[[package]]
name = "perf-sentinel"
version = "${version}"
dependencies = [
 "perf-sentinel-core",
 "serde",
]

[[package]]
name = "perf-sentinel-core"
version = "${version}"
dependencies = [
 "serde",
]

[[package]]
name = "serde"
version = "1.0.229"
source = "registry+https://github.com/rust-lang/crates.io-index"
`,
    "docs/ci-templates/github-actions.yml": `# PERF_SENTINEL_VERSION pins the release that the job downloads.
env:
  PERF_SENTINEL_VERSION: "${version}"
jobs:
  perf-sentinel:
    steps:
      - run: curl -fsSLO "https://example.invalid/v\${PERF_SENTINEL_VERSION}/perf-sentinel"
`,
    "docs/ci-templates/jenkinsfile.groovy": `pipeline {
    environment {
        PERF_SENTINEL_VERSION = '${version}'
    }
}
`,
    "docs/CI.md": `# CI

\`\`\`yaml
env:
  PERF_SENTINEL_VERSION: "${version}"
steps:
  - uses: robintra/perf-sentinel@v${version}
\`\`\`
`,
    "docs/schemas/examples/example.json": `{
  "perf_sentinel_version": "0.7.0",
  "integrity": {
    "binary_versions": ["0.6.2", "0.7.0"],
    "binary_verification_url": "https://github.com/robintra/perf-sentinel/releases/tag/v${version}"
  }
}
`,
    "CHANGELOG.md": `# Changelog

## [${version}] - 2026-08-07

### Added

- A finding names the deployment that it belongs to.
`,
    "charts/perf-sentinel/Chart.yaml": `apiVersion: v2
name: perf-sentinel
type: application
version: ${version}
appVersion: "${version}"
annotations:
  artifacthub.io/images: |
    - name: perf-sentinel
      image: ${image}:${version}
      platforms:
        - linux/amd64
        - linux/arm64
`,
    "charts/perf-sentinel/values.yaml": `image:
  repository: ${image}
  # Empty: the chart's appVersion.
  tag: ""
`,
    "charts/perf-sentinel/CHANGELOG.md": `# Changelog

## [${version}]

### Changed

- \`appVersion\` moves to \`${version}\`.
`,
    "release-gate/lab-validations.txt": `# perf-sentinel lab validation ledger
# format: <version>\\t<lab_commit_sha>\\t<YYYY-MM-DD>\\t<PASS|FAIL>
`,
  };
}

/** The Makefile of a lab in which every step passes. */
export const smallLab = {
  Makefile: `down up seed-services:
	@echo $@: done
validate-findings:
	@echo 10/10 scenarios pass
verify-all-scenarios:
	@echo 24/24 detector outcomes match
`,
};
