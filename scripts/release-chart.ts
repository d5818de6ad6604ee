#!/usr/bin/env bun
/**
 * Releases the Helm chart as one fail-closed command: step 7 of perf-sentinel's release procedure
 * (PROCEDURE), by the steps of `release` in release/flow.ts. No branch is pushed.
 *
 * Usage: bun scripts/release-chart.ts chart-vA.B.C [--dry-run] [--yes] [--wait [MINUTES]] [--skip-image-check] [--resume] [--verbose]
 *
 * Refuses when a pre-check or a gate refuses or cannot be answered, and when the operator does not
 * confirm: nothing is changed then, here or on the remote. HEAD must be the remote's main, and the
 * image that `helm install` pulls must be published for every platform that the chart promises. With
 * --wait, everything is asked again while nothing but that image is missing, unless the run of
 * release.yml that publishes it has failed.
 *
 * Exit codes: 0 released, or the dry run passed; 1 refused, or the push failed; 2 wrong command line; 130 interrupted.
 */

import { checkChartAppVersion } from "./check-chart-appversion.ts";
import { checkHelmTagVersion } from "./check-helm-tag-version.ts";
import {
  command,
  flag,
  main,
  operand,
  optionWithDefault,
  verboseOption,
  wholeNumber,
} from "./lib/cli.ts";
import { UsageError } from "./lib/command-line.ts";
import { chartManifest, readChart } from "./lib/files/chart.ts";
import { chartImage, imagesOf, isSameImage, readProductImages } from "./lib/files/chart-images.ts";
import { attempt, type Finding, notice, together, warning } from "./lib/finding.ts";
import { checkChartChanges } from "./lib/git/chart-changes.ts";
import { readBaseBranch } from "./lib/git/checkout.ts";
import type { RemoteRefs } from "./lib/git/remote.ts";
import { layout } from "./lib/layout.ts";
import { checkImage } from "./lib/net/image.ts";
import { bases } from "./lib/release-branch.ts";
import type { Tree } from "./lib/tree.ts";
import { isVersion } from "./lib/version.ts";
import { fileGate, type Gate, type Procedure, refuses, release } from "./release/flow.ts";
import { bypassRecords, versionOfKind } from "./release/plan.ts";
import type { WaitOptions } from "./release/wait.ts";

const script = "scripts/release-chart.ts";

/**
 * Returns the gates and rules of a chart release.
 *
 * @param signal Ends the questions to the registry.
 * @param wait How to wait for the image; undefined asks once.
 */
export function chartProcedure(
  skipImageCheck: boolean,
  signal: AbortSignal,
  wait?: WaitOptions,
): Procedure {
  return {
    script,
    options: skipImageCheck ? ["--skip-image-check"] : [],
    tagPrefix: layout.chartTagPrefix,
    branch: layout.mainBranch,
    pushesMain: false,
    gates: [
      chartVersionGate,
      fileGate("promised images", (tree) => checkChartAppVersion(tree, layout.chart)),
      imageGate(skipImageCheck, signal),
    ],
    ...(wait && {
      waitAndExamine: async (flow) => {
        const { examineUntilPublished } = await import("./release/wait.ts");
        return await examineUntilPublished(flow, wait);
      },
    }),
    async cautions({ tree, findLast }, refs) {
      const [application, changes] = await together(
        checkApplicationTag(tree, refs),
        checkChartChanges(tree, findLast),
      );
      return [...application, ...changes];
    },
    nextSteps: ({ tag }) =>
      Promise.resolve([
        `see what the tag triggered: bun scripts/verify-release.ts ${tag} --wait`,
        "review the drafted GitHub release, then publish it",
      ]),
  };
}

const chartVersionGate: Gate = {
  title: "chart version",
  async check({ tree, version }) {
    const findings = await checkHelmTagVersion(tree, version);
    // The other gates would judge a chart that is not the tag's.
    return { findings, explainsGates: refuses({ findings }) };
  },
};

function imageGate(skipImageCheck: boolean, signal: AbortSignal): Gate {
  let isAwaited = false;
  return {
    title: "image",
    bypass: skipImageCheck ? bypassRecords["--skip-image-check"] : undefined,
    async check({ tree, repository }) {
      const { pulled, promised } = await readImages(tree, layout.chart);
      if (pulled === undefined) {
        const none = `none, as ${chartManifest(layout.chart)} promises no image`;
        return { findings: [notice(`Image: ${none}`)], trailers: [`Image-check: ${none}`] };
      }
      const { reference, at } = pulled;
      const platforms = promised.flatMap((entry) => entry.platforms);
      const world = { env: repository.env, cwd: repository.root, http: { signal } };
      const promise = { reference, platforms, at };
      const { state, temporary, findings } = await checkImage(promise, world);
      const tag = applicationTag(reference.tag);
      // A registry that has answered once may do so again, whatever keeps it from an answer now.
      isAwaited = state === "pending" || temporary === true || (isAwaited && state === "unknown");
      return {
        findings: platforms.length === 0 ? [...findings, noPlatforms()] : findings,
        trailers: findings.map(({ message }) => `Image-check: ${message}`),
        ...(isAwaited ? { pending: { tag } } : {}),
      };
    },
  };
}

/** Returns the tag of the application release that publishes an image of some tag. */
function applicationTag(imageTag: string | undefined): string | undefined {
  return imageTag && isVersion(imageTag) ? `${layout.tagPrefix}${imageTag}` : undefined;
}

function noPlatforms(): Finding {
  return warning(`No platform of the image was checked: ${layout.imagesAnnotation} promises none`, {
    remedy: `List the image's platforms in ${layout.imagesAnnotation} of Chart.yaml`,
  });
}

/**
 * Returns the image that an install pulls, and the entries of the annotation that promise it. Of a chart
 * that promises no image, the image may be undefined.
 */
async function readImages(tree: Tree, folder: string) {
  const chart = await readChart(tree, folder);
  const images = imagesOf(chart) ?? [];
  const pulled =
    images.length > 0
      ? await chartImage(tree, folder, chart.appVersion)
      : (await readProductImages(tree, folder)).pulled;
  const promised = images.filter(
    ({ reference }) => pulled !== undefined && isSameImage(reference, pulled.reference),
  );
  return { pulled, promised };
}

/** Warns if the application release that the chart installs has no tag on the remote. */
async function checkApplicationTag(
  tree: Tree,
  refs: Promise<RemoteRefs | undefined>,
): Promise<readonly Finding[]> {
  // What cannot be read here is refused by the gates.
  const { value } = await attempt(() => readImages(tree, layout.chart));
  const pulled = value?.pulled;
  const tag = applicationTag(pulled?.reference.tag);
  const held = (await refs)?.all;
  if (held === undefined || pulled === undefined || tag === undefined) {
    return [];
  }
  return held.has(`refs/tags/${tag}`)
    ? [notice(`${tag}, which the chart installs, is tagged on ${layout.remote}`)]
    : [
        warning(`The chart installs ${tag}, which is not tagged on ${layout.remote}`, {
          at: pulled.at,
          remedy: `Release the application first: bun scripts/release.ts ${tag}`,
        }),
      ];
}

export const table = command({
  name: script,
  needs: "chart",
  summary: "Releases the Helm chart: checks everything, signs the tag and pushes it.",
  operands: {
    tag: operand(
      "the chart version to release, as chart-vA.B.C or A.B.C",
      versionOfKind(layout.chartTagPrefix, layout.tagPrefix, "scripts/release.ts"),
    ),
  },
  options: {
    dryRun: flag("check everything, signing included, and change nothing"),
    yes: flag("do not ask for confirmation"),
    wait: optionWithDefault(
      "MINUTES",
      `wait until the image is published (default: ${layout.waitMinutes} minutes at most)`,
      wholeNumber(1, 1440),
      layout.waitMinutes,
    ),
    skipImageCheck: flag("bypass the image gate; the signed tag records it"),
    resume: flag("finish a release that was interrupted after its tag was signed"),
    verbose: verboseOption,
  },
  refuses: [
    `HEAD is not on ${bases}, the working tree is dirty, or a merge is under way`,
    `HEAD is not the very commit of that branch on ${layout.remote}`,
    `the tag exists here or on ${layout.remote} (an interrupted run: --resume)`,
    "no signing identity can sign, proven by signing",
    "the chart's version disagrees with the tag (check-helm-tag-version)",
    "an image that the chart promises, or the one that helm install pulls, has another tag than its appVersion",
    "the image that helm install pulls is not published for every promised platform",
    "with --wait: the image does not appear in time, or the run of release.yml has failed",
    "any of these questions stays without an answer",
  ],
  example: `bun ${script} chart-v1.2.3 --dry-run`,
  async run(invocation) {
    const { operands, options, interrupt } = invocation;
    const { skipImageCheck, wait } = options;
    if (skipImageCheck && wait !== undefined) {
      throw new UsageError("--wait waits for the image that --skip-image-check does without");
    }
    const limit = wait === undefined ? undefined : { limit: wait * 60_000 };
    const procedure = {
      ...chartProcedure(skipImageCheck, interrupt.requestSignal, limit),
      branch: await readBaseBranch(await invocation.repository()),
    };
    await release(invocation, procedure, operands.tag, { ...options, atomic: false });
  },
});

if (import.meta.main) {
  await main(table);
}
