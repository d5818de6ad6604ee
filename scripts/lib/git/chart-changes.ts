/** Checks the chart's list of changes, which is written by hand for every release of the chart. */

import { chartManifest } from "../files/chart.ts";
import { parseYaml } from "../files/document.ts";
import { attempt, type Finding, notice, warning } from "../finding.ts";
import { layout } from "../layout.ts";
import type { Tree } from "../tree.ts";
import { isVersion } from "../version.ts";
import type { FindLastRelease } from "./last-release.ts";

/**
 * Warns if a chart has the same list of changes as the last release of another version. A chart
 * without the list has no finding, and one that cannot be read has none here.
 */
export async function checkChartChanges(tree: Tree, findLast: FindLastRelease): Promise<Finding[]> {
  const { version = "", changes, at } = await readChanges(tree);
  if (changes === undefined) {
    return [];
  }
  const last = await findLast(isVersion(version) ? version : undefined, layout.chartTagPrefix);
  if (last.why !== undefined) {
    return [notComparable(last.why)];
  }
  const name = layout.changesAnnotation;
  const message = `${name} in ${chartManifest(layout.chart)} says what it said in ${last.tag}`;
  const remedy = `Write there what is new in the chart ${version}, newest first`;
  const isSame = (await readChanges(last.tree)).changes === changes;
  return isSame ? [warning(message, { at, remedy })] : [];
}

/** Returns the notice that a tree was not compared with the last release. */
export function notComparable(why: string): Finding {
  return notice(`Not compared with the last release: ${why}`);
}

/** Returns the chart's version and its list of changes, as far as they are strings. */
async function readChanges(tree: Tree) {
  const path = ["annotations", layout.changesAnnotation];
  const { value } = await attempt(async () => {
    const manifest = await tree.read(chartManifest(layout.chart));
    return manifest?.text.includes(layout.changesAnnotation) ? parseYaml(manifest) : undefined;
  });
  const [version, changes] = [["version"], path].map((each) => {
    const found = value?.at(each);
    return typeof found === "string" ? found : undefined;
  });
  return { version, changes, at: () => value?.place(path) ?? { file: layout.chart } };
}
