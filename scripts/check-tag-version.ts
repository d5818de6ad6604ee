#!/usr/bin/env bun
/**
 * Checks that the workspace, every crate and every pin on a sibling crate state the version of a
 * tag.
 *
 * Usage: bun scripts/check-tag-version.ts <tag|version> [--ref COMMIT] [--repo DIR] [--json]
 *
 * Refuses if one of them states another version or none, if there is no crate or no workspace
 * version, if a manifest cannot be read, or if a crate that a release publishes is left out: by
 * `exclude`, or as a workspace of its own. Another one that is left out of those in the usual place
 * is a warning, and so is a dependency that `cargo publish` will refuse for want of a version.
 *
 * Exit codes: 0 passed, 1 refused or could not find out, 2 wrong command line, 130 interrupted.
 */

import { command, main, operand, refOption, versionOf } from "./lib/cli.ts";
import {
  type Crate,
  kindOf,
  type LeftOut,
  type Pin,
  pinnedVersion,
  readWorkspace,
  type Statement,
  type Unversioned,
  type Workspace,
} from "./lib/files/cargo.ts";
import { error, type Finding, notice, quote, warning } from "./lib/finding.ts";
import { judge } from "./lib/git/judged-tree.ts";
import { layout } from "./lib/layout.ts";
import type { Check } from "./lib/tree.ts";
import { isVersion, type Version } from "./lib/version.ts";

/** Judges every version that a release of `version` takes from the manifests of a tree. */
export const checkTagVersion: Check<Version> = async (tree, version) =>
  judgeTagVersion(await readWorkspace(tree), version);

/** The same of a workspace that has been read already. */
export function judgeTagVersion(workspace: Workspace, version: Version): Finding[] {
  return [
    ...workspace.faults,
    ...judgeWorkspace(workspace, version),
    ...workspace.crates.map((crate) => judgeCrate(crate, workspace, version)),
    ...workspace.pins.map((pin) => judgePin(pin, version)),
    ...workspace.unversioned.map(warnOf),
    ...workspace.leftOut.map((each) => judgeLeftOut(each, version)),
  ];
}

function judgeWorkspace({ version: stated, crates, faults }: Workspace, version: Version) {
  const findings: Finding[] = [];
  if (stated !== undefined) {
    const remedy = setVersion("[workspace.package]", version, layout.workspaceManifest);
    findings.push(
      stated.value === undefined
        ? refuse(version, `${layout.workspaceManifest} has no workspace version`, stated, remedy)
        : judgeVersion(stated, version, remedy),
    );
  }
  if (crates.length === 0 && faults.length === 0) {
    findings.push(
      error(`${cannotTag(version)}: the workspace has no crates`, {
        at: { file: layout.workspaceManifest },
        remedy: `List the crates in members of [workspace] in ${layout.workspaceManifest}`,
      }),
    );
  }
  return findings;
}

function judgeCrate(crate: Crate, workspace: Workspace, version: Version): Finding {
  const { manifest, version: own } = crate;
  if (!crate.inherits) {
    const remedy = `${setVersion("[package]", version, manifest)}, or version.workspace = true`;
    return own.value === undefined
      ? refuse(version, `${manifest} neither states a version nor inherits one`, own, remedy)
      : judgeVersion(own, version, remedy);
  }
  const inherited = workspace.version?.value;
  return inherited === undefined
    ? refuse(
        version,
        `${manifest} inherits a workspace version, and there is none`,
        own,
        setVersion("[workspace.package]", version, layout.workspaceManifest),
      )
    : notice(`${manifest} -> ${shown(inherited)} (inherits the workspace version)`, {
        at: own.place,
      });
}

function judgeVersion(stated: Statement, version: Version, remedy: string): Finding {
  const { file } = stated.document.source.place();
  return stated.value === version
    ? notice(`${file} -> ${version} (matches tag)`, { at: stated.place })
    : refuse(version, `${file} says ${shown(stated.value)}, expected ${version}`, stated, remedy);
}

function judgePin({ manifest, sibling, requirement }: Pin, version: Version): Finding {
  const { value } = requirement;
  const stated = typeof value === "string" ? shown(value) : `with ${shown(value)} as its version`;
  return typeof value === "string" && pinnedVersion(value) === version
    ? notice(`${manifest}: ${sibling} -> ${value} (matches tag)`, { at: requirement.place })
    : refuse(
        version,
        `${manifest} requires ${sibling} ${stated}, expected ${version}`,
        requirement,
        `Set the version of ${sibling} to ${version} in ${manifest}`,
      );
}

function warnOf({ manifest, name, place }: Unversioned): Finding {
  return warning(`cargo publish will refuse ${manifest}: its dependency ${name} has no version`, {
    at: place(),
    remedy: `State the version of ${name}, or set publish = false in ${manifest}`,
  });
}

/** A crate that is published without being judged would go out in any version. */
function judgeLeftOut(crate: LeftOut, version: Version): Finding {
  const { manifest, folder, name, excludedBy, place } = crate;
  const root = layout.workspaceManifest;
  const [why, remedy] =
    excludedBy === undefined
      ? [
          `it is a workspace of its own, not a member of ${root}`,
          `Remove [workspace] from ${manifest}`,
        ]
      : [
          `${root} excludes ${quote(excludedBy)}`,
          `Remove ${quote(excludedBy)} from exclude of [workspace] in ${root}`,
        ];
  const published = layout.published.crates.find((each) => each === name);
  return published === undefined
    ? warning(`${manifest} is left out: ${why}`, {
        at: place(),
        remedy: `${remedy}, or move ${folder} away from ${layout.crateManifests}`,
      })
    : refuse(
        version,
        `${manifest} is left out, and a release publishes ${published}: ${why}`,
        crate,
        `${remedy}, or ${published} from published.crates in scripts/lib/layout.ts`,
      );
}

function refuse(
  version: Version,
  why: string,
  { place }: Pick<Statement, "place">,
  remedy: string,
): Finding {
  return error(`${cannotTag(version)}: ${why}`, { at: place(), remedy });
}

const cannotTag = (version: Version) => `Cannot tag ${layout.tagPrefix}${version}`;

const setVersion = (table: string, version: Version, file: string) =>
  `Set version = "${version}" in ${table} of ${file}`;

function shown(value: unknown): string {
  return typeof value !== "string" ? kindOf(value) : isVersion(value) ? value : quote(value);
}

export const table = command({
  name: "scripts/check-tag-version.ts",
  summary:
    "Checks that the workspace, its crates and their pins on each other state a tag's version.",
  operands: {
    version: operand(
      "the tag or version to be released, such as v1.2.3 or 1.2.3",
      versionOf(layout.tagPrefix),
      "tag|version",
    ),
  },
  options: { ref: refOption },
  refuses: [
    "[workspace.package] in Cargo.toml states another version, or none",
    "a crate neither inherits the workspace version nor states the tag's",
    "a crate requires a sibling crate in another version than 1.2.3, =1.2.3 or ^1.2.3",
    "a crate that a release publishes is left out: by exclude, or as a workspace of its own",
    "there are no crates, or a manifest cannot be read",
  ],
  example: "bun scripts/check-tag-version.ts v1.2.3 --ref release/1.2.3",
  async run({ operands, options, repository, report }) {
    const { version } = operands;
    report.add(
      await judge(await repository(), options.ref, (tree) => checkTagVersion(tree, version)),
    );
  },
});

if (import.meta.main) {
  await main(table);
}
