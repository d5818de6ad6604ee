/** A small product in the shape of the real one: a workspace, a chart, changelogs and a ledger. */

/** The files of the product at one version, by path. */
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

/** The Makefile of a lab whose every step passes. */
export const smallLab = {
  Makefile: `down up seed-services:
	@echo $@: done
validate-findings:
	@echo 10/10 scenarios pass
verify-all-scenarios:
	@echo 24/24 detector outcomes match
`,
};
