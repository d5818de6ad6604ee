/** What differs for a candidate for lab validation (PROCEDURE step 4, option B). */

import { asTable, parseYaml } from "../lib/files/document.ts";
import { notice } from "../lib/finding.ts";
import { layout } from "../lib/layout.ts";
import type { Tree } from "../lib/tree.ts";
import type { Version } from "../lib/version.ts";
import type { Gate } from "./flow.ts";

/** The gate that takes the place of the lab gate. It passes, and the tag's message says why. */
export const candidateGate: Gate = {
  title: "candidate",
  check: async ({ tree, tag, version }) => ({
    findings: [notice(`${tag} is a candidate for lab validation: the lab gate does not apply`)],
    trailers: ["Candidate: for lab validation"],
    publishes: await listPublished(tree, tag, version),
  }),
};

/**
 * Returns what the release workflow of a tree publishes for the tag of a candidate, a line each.
 *
 * @throws {LocatedSyntaxError} If the workflow is not YAML.
 */
export async function listPublished(tree: Tree, tag: string, version: Version): Promise<string[]> {
  const { releaseWorkflow, published } = layout;
  const source = await tree.read(releaseWorkflow);
  if (source === undefined) {
    return [`nothing: the commit has no ${releaseWorkflow}`];
  }
  const jobs = Object.entries(asTable(parseYaml(source).at(["jobs"])) ?? {});
  const publishing = jobs.filter(([, job]) => JSON.stringify(job).includes("cargo publish"));
  const areExcluded =
    publishing.length > 0 && publishing.every(([, job]) => excludesCandidates(job));
  const names = publishing.map(([id]) => id).join(", ");
  const crates = published.crates?.map((crate) => `${crate} ${version}`).join(", ");
  const onCratesIo = areExcluded
    ? `nothing on crates.io: the condition of ${names} keeps a candidate from it`
    : `on crates.io: ${crates}, which nothing takes back`;
  return [
    ...(crates === undefined ? [] : [onCratesIo]),
    `on GitHub: the release ${tag} with binaries, checksums and SBOM`,
    ...published.images.map((image) => `the image ${image}:${version}`),
  ];
}

/** Reports whether a job has the documented condition, with which a prerelease skips it. */
function excludesCandidates(job: unknown): boolean {
  const condition = String(asTable(job)?.if ?? "").replace(/\s+/g, "");
  return /^(?:\$\{\{)?!contains\(github\.ref_name,'-'\)(?:\}\})?$/.test(condition);
}
