#!/usr/bin/env bun
/**
 * Checks that the workspace, every crate and every pin on a sibling crate state a tag's version. A
 * development dependency on a sibling may be a range that admits it.
 *
 * Usage: bun scripts/check-tag-version.ts <tag|version> [--ref COMMIT] [--verbose] [--repo DIR] [--json]
 *
 * Refuses if one of them states another version or none, if there is no crate, if a manifest cannot
 * be read, or if `exclude` or a `[workspace]` of its own keeps a published crate out of the workspace.
 * The same is a warning for any other crate below `crates/`, and so is a dependency without a
 * version, which `cargo publish` will refuse. Of a member elsewhere with `publish = false`, only what
 * it requires of the crates is checked.
 *
 * Exit codes: 0 passed, 1 refused or could not find out, 2 wrong command line, 130 interrupted.
 */

import { command, main, operand, refOption, verboseOption, versionOf } from "./lib/cli.ts";
import {
  type LeftOut,
  type Pin,
  pinnedVersion,
  readWorkspace,
  suits,
  versionIn,
  type Workspace,
} from "./lib/files/cargo.ts";
import { packageAt, type Statement } from "./lib/files/cargo-manifest.ts";
import {
  type Details,
  error,
  type Finding,
  foldRows,
  notice,
  quote,
  warning,
} from "./lib/finding.ts";
import { judge } from "./lib/git/judged-tree.ts";
import { layout } from "./lib/layout.ts";
import type { Check } from "./lib/tree.ts";
import { compareVersions, isVersion, type Version } from "./lib/version.ts";

/** Checks every version in the manifests of a tree that a release of `version` uses. */
export const checkTagVersion: Check<Version> = async (tree, version) => {
  const findings = judgeTagVersion(await readWorkspace(tree), version);
  const sum = `the workspace, its crates and their pins on each other state ${version}`;
  return foldRows(findings) ? [...findings, notice(sum)] : findings;
};

/** Returns the version of a workspace, if it is another one than expected. */
export function otherVersion(workspace: Workspace, version: Version): Version | undefined {
  const stated = versionIn(workspace);
  return stated === version ? undefined : stated;
}

/** Returns the remedy for a workspace that is at another version. */
export function remedyForOther(other: Version, version: Version): string {
  return compareVersions(other, version) > 0
    ? `The workspace is at ${other}, and a bump goes forward only: ask about that version, or about a commit of ${version} with --ref`
    : `Name ${layout.tagPrefix}${other} if you meant that; else bump first: bun scripts/bump-version.ts ${version}`;
}

/** What has a place. */
type Located = Pick<Statement, "place">;

/**
 * Checks a workspace that has been read already. If the workspace is at another version, whatever
 * else states that version is part of the same finding.
 *
 * @param others References outside the manifests that state the other version.
 */
export function judgeTagVersion(
  workspace: Workspace,
  version: Version,
  others: readonly Located[] = [],
): Finding[] {
  const { manifest: root, version: stated, shared, unreleased, faults } = workspace;
  const other = otherVersion(workspace, version);
  const isOther = ({ value }: Statement) =>
    other !== undefined && typeof value === "string" && pinnedVersion(value) === other;
  const ownOf = workspace.crates.filter(({ inherits }) => !inherits).map((each) => each.version);
  const isWrong = (pin: Pin) => isOther(pin.requirement) && !suits(pin, version);
  const pinsOf = workspace.pins.filter(isWrong).map(({ requirement }) => requirement);
  const also = [...ownOf.filter((each) => each !== stated && isOther(each)), ...pinsOf, ...others];
  const crates = workspace.crates.filter((each) =>
    each.inherits ? other === undefined && shared !== undefined : !isOther(each.version),
  );
  return [
    ...faults,
    ...(stated === undefined ? [] : judgeWorkspace(workspace, stated, version, also)),
    ...(workspace.crates.length > 0 || faults.length > 0
      ? []
      : [
          refuse(version, "the workspace has no crates", {
            at: { file: root },
            remedy: `List the crates in members of [workspace] in ${root}${unreleased.length > 0 ? ", or remove publish = false from theirs" : ""}`,
          }),
        ]),
    ...crates.map(({ manifest, version: own, inherits }) =>
      inherits
        ? notice(`${manifest} -> ${shown(shared?.value)} (inherits the workspace version)`, {
            at: own.place,
          })
        : judgeVersion(own, version),
    ),
    ...unreleased.map(({ manifest, version: { document, value } }) => {
      const why = value === undefined ? "it states no version" : "it says publish = false";
      const { place: at } = packageAt(document, "publish");
      return notice(`${manifest} is not released: ${why}`, { at });
    }),
    ...workspace.pins.filter((pin) => !isWrong(pin)).map((pin) => judgePin(pin, version)),
    ...workspace.unversioned.map(({ manifest, name, place }) =>
      warning(`cargo publish will refuse ${manifest}: its dependency ${name} has no version`, {
        at: place,
        remedy: `State the version of ${name}, or set publish = false in ${manifest}`,
      }),
    ),
    ...workspace.leftOut.map((each) => judgeLeftOut(each, root, version)),
  ];
}

/** Checks the version of a workspace; `also` are the places that state another one, too. */
function judgeWorkspace(
  workspace: Workspace,
  stated: Statement,
  version: Version,
  also: readonly Located[],
): Finding[] {
  const { manifest: root, shared } = workspace;
  const other = otherVersion(workspace, version);
  if (other !== undefined) {
    const why = `the workspace is at ${other}: did you mean ${layout.tagPrefix}${other}?`;
    const remedy = remedyForOther(other, version);
    return [
      refuse(version, why, { at: stated.place, also: also.map((each) => each.place()), remedy }),
    ];
  }
  // The version of a crate is judged with those of the others.
  return stated === shared
    ? [judgeVersion(stated, version)]
    : stated.document.source.path === root
      ? []
      : [notice(`${root} states no workspace version: each crate states its own`)];
}

/** Checks the version that a manifest states for its package or the workspace. */
function judgeVersion(stated: Statement, version: Version) {
  const { document, value, place: at } = stated;
  const { path } = document.source;
  if (value === version) {
    return notice(`${path} -> ${version} (matches tag)`, { at });
  }
  const table = `[${stated.path.slice(0, -1).join(".")}]`;
  const inherit = table === "[workspace.package]" ? "" : ", or version.workspace = true";
  const why =
    value === undefined
      ? "neither states a version nor inherits one"
      : `says ${shown(value)}, expected ${version}`;
  const remedy = setVersion(table, version, path) + inherit;
  return refuse(version, `${path} ${why}`, { at, remedy });
}

function judgePin(pin: Pin, version: Version): Finding {
  const { manifest, sibling, requirement } = pin;
  const { value, place: at } = requirement;
  if (typeof value === "string" && suits(pin, version)) {
    const why = pinnedVersion(value) === version ? "matches tag" : `admits ${version}`;
    return notice(`${manifest}: ${sibling} -> ${value} (${why})`, { at });
  }
  const stated = typeof value === "string" ? shown(value) : `with ${shown(value)} as its version`;
  return refuse(version, `${manifest} requires ${sibling} ${stated}, expected ${version}`, {
    at,
    remedy: `Set the version of ${sibling} to ${version} in ${manifest}`,
  });
}

/** Refuses a crate that is left out but published, because its version is not checked. */
function judgeLeftOut(crate: LeftOut, root: string, version: Version): Finding {
  const { manifest, name, excludedBy, place: at } = crate;
  const entry = quote(excludedBy ?? "");
  const [why, remedy] =
    excludedBy === undefined
      ? [`it is a workspace of its own, not a member of ${root}`, `[workspace] from ${manifest}`]
      : [`${root} excludes ${entry}`, `${entry} from exclude of [workspace] in ${root}`];
  const published = layout.published.crates?.find((each) => each === name);
  return published === undefined
    ? warning(`${manifest} is left out: ${why}`, {
        at,
        remedy: `Remove ${remedy}, or move ${manifest.slice(0, -"/Cargo.toml".length)} away from ${layout.crateManifests}`,
      })
    : refuse(version, `${manifest} is left out, and a release publishes ${published}: ${why}`, {
        at,
        remedy: `Remove ${remedy}, or set published.crates in scripts/layout.ts without ${published}`,
      });
}

function refuse(version: Version, why: string, details: Details): Finding {
  return error(`Cannot tag ${layout.tagPrefix}${version}: ${why}`, details);
}

const setVersion = (table: string, version: Version, file: string) =>
  `Set version = "${version}" in ${table} of ${file}`;

/** Returns a value for a message: a version unchanged, anything else as a description. */
function shown(value: unknown): string {
  const late = () =>
    require("./lib/files/unreadable.ts") as typeof import("./lib/files/unreadable.ts");
  return typeof value === "string" && isVersion(value)
    ? value
    : late().describeValue(value, "TOML");
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
  options: { ref: refOption, verbose: verboseOption },
  refuses: [
    "the workspace states another version",
    "a crate neither inherits the workspace version nor states the tag's",
    "a crate requires a sibling crate in another version than 1.2.3, =1.2.3 or ^1.2.3; a development dependency may be a range",
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
