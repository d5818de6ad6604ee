#!/usr/bin/env bun
/**
 * Releases the Helm chart as one fail-closed command: pre-checks, gates, plan, confirmation, signed
 * tag, push of the tag (PROCEDURE step 7).
 *
 * Usage: bun scripts/release-chart.ts chart-vA.B.C [--dry-run] [--yes] [--wait [MINUTES]] [--skip-image-check] [--resume]
 *
 * Refuses when a pre-check or a gate refuses or cannot be answered, and when the operator does not
 * confirm: nothing is mutated then, here or on the remote. HEAD must be the remote's main, and the
 * image that `helm install` pulls must be published for every platform that the chart promises. With
 * --wait, an image that is not there yet is waited for, unless the run of release.yml that publishes
 * it has failed; after the wait everything is asked anew.
 *
 * Exit codes: 0 released, or the dry run passed; 1 refused; 2 wrong command line; 130 interrupted.
 */

import { checkChartAppVersion } from "./check-chart-appversion.ts";
import { checkHelmTagVersion } from "./check-helm-tag-version.ts";
import {
  command,
  flag,
  main,
  operand,
  optionWithDefault,
  versionOf,
  wholeNumber,
} from "./lib/cli.ts";
import { UsageError } from "./lib/command-line.ts";
import { readChart } from "./lib/files/chart.ts";
import { chartImage, imagesOf, isSameImage } from "./lib/files/chart-images.ts";
import { parsePlatform } from "./lib/files/image-manifest.ts";
import { attempt, type Finding, notice, warning } from "./lib/finding.ts";
import { layout } from "./lib/layout.ts";
import { checkImage } from "./lib/net/image.ts";
import type { Tree } from "./lib/tree.ts";
import { isVersion } from "./lib/version.ts";
import { awaitImage } from "./release/await-image.ts";
import type { Gate } from "./release/gate.ts";
import { bypassRecords, type Candidate, type Patience, type Procedure } from "./release/plan.ts";
import { release } from "./release/procedure.ts";
import type { SurveyOptions, SurveyWorld } from "./verify/survey.ts";

const script = "scripts/release-chart.ts";

/** What the operator decided, and how the registry is asked. */
export interface ChartReleaseRequest {
  readonly skipImageCheck: boolean;
  /** How long to wait for the image, and in which world; undefined asks once. */
  readonly wait?: ImageWait | undefined;
  /** Ends the questions to the registry. */
  readonly signal: AbortSignal;
}

/** How an image is waited for. */
export interface ImageWait {
  /** Milliseconds at most. */
  readonly limit: number;
  readonly world: SurveyWorld;
  /** How to wait, for tests. */
  readonly sleep?: SurveyOptions["sleep"];
}

/** The gates and rules of a chart release. */
export function chartReleaseProcedure(request: ChartReleaseRequest): Procedure {
  const image = imageGate(request);
  return {
    script,
    tagPrefix: layout.chartTagPrefix,
    pushesMain: false,
    gates: [versionGate, promiseGate, image],
    patience: request.wait && { gate: image, wait: waiter(request.wait) },
    evidence(_, results) {
      const passed = results.find(({ title }) => title === image.title)?.findings ?? [];
      const notices = passed.filter(({ level }) => level === "notice");
      return Promise.resolve(notices.map(({ message }) => `Image-check: ${message}`));
    },
    cautions: checkApplicationTag,
    nextSteps: ({ tag }) =>
      Promise.resolve([
        `see what the tag triggered: bun scripts/verify-release.ts ${tag} --wait`,
        "review the drafted GitHub release, then publish it",
      ]),
  };
}

const versionGate: Gate<Candidate> = {
  title: "chart version",
  check: ({ tree, version }) => checkHelmTagVersion(tree, version),
};

const promiseGate: Gate<Candidate> = {
  title: "promised images",
  check: ({ tree }) => checkChartAppVersion(tree, layout.chart),
};

function imageGate({ skipImageCheck, signal }: ChartReleaseRequest): Gate<Candidate> {
  return {
    title: "image",
    bypass: () => (skipImageCheck ? bypassRecords["--skip-image-check"] : undefined),
    async check({ tree, repository }) {
      const { pulled, promised } = await readImages(tree, layout.chart);
      const { reference, at } = pulled;
      const platforms = promised.flatMap((entry) => entry.platforms);
      const world = { env: repository.env, cwd: repository.root, http: { signal } };
      return [
        ...(await checkImage({ reference, platforms, at }, world)),
        ...(platforms.length === 0 ? [noPlatforms()] : []),
      ];
    },
  };
}

/** Waits for the image that the chart of a candidate installs. */
function waiter({ limit, world, sleep }: ImageWait): Patience["wait"] {
  return async ({ tag, tree, repository }, refusal) => {
    const { value } = await attempt(async () => {
      const { pulled, promised } = await readImages(tree, layout.chart);
      return { ...pulled, platforms: promised.flatMap((entry) => entry.platforms) };
    });
    if (value === undefined || !value.platforms.every(isPlatform)) {
      // What cannot be read does not come with time.
      return refusal;
    }
    const { requestSignal: signal } = world.interrupt;
    const { env, root: cwd } = repository;
    const { repository: home } = layout.published;
    const platforms = value.platforms.map(parsePlatform);
    return await awaitImage(
      { tag, reference: value.reference, platforms, limit },
      {
        ...world,
        images: { env, cwd, http: { signal } },
        gh: { env, cwd, signal, repository: home },
      },
      refusal,
      sleep,
    );
  };
}

function isPlatform(text: string): boolean {
  try {
    parsePlatform(text);
    return true;
  } catch {
    return false;
  }
}

function noPlatforms(): Finding {
  return warning(`No platform of the image was checked: ${layout.imagesAnnotation} promises none`, {
    remedy: `List the image's platforms in ${layout.imagesAnnotation} of Chart.yaml`,
  });
}

/** The image that an install pulls, and the entries of the annotation that promise it. */
async function readImages(tree: Tree, folder: string) {
  const chart = await readChart(tree, folder);
  const pulled = await chartImage(tree, folder, chart.appVersion);
  const images = imagesOf(chart) ?? [];
  const promised = images.filter(({ reference }) => isSameImage(reference, pulled.reference));
  return { pulled, promised };
}

/** Warns if the application release that the chart installs has no tag on the remote. */
async function checkApplicationTag({ tree, refs }: Candidate): Promise<readonly Finding[]> {
  // What cannot be read here is refused by the gates.
  const { value } = await attempt(() => readImages(tree, layout.chart));
  const installed = value?.pulled.reference.tag;
  if (refs === undefined || value === undefined || !installed || !isVersion(installed)) {
    return [];
  }
  const tag = `${layout.tagPrefix}${installed}`;
  return refs.tags.has(`refs/tags/${tag}`)
    ? [notice(`${tag}, which the chart installs, is tagged on ${layout.remote}`)]
    : [
        warning(`The chart installs ${tag}, which is not tagged on ${layout.remote}`, {
          at: value.pulled.at,
          remedy: `Release the application first: bun scripts/release.ts ${tag}`,
        }),
      ];
}

export const table = command({
  name: script,
  summary: "Releases the Helm chart: checks everything, signs the tag and pushes it.",
  operands: {
    tag: operand(
      "the chart version to release, as chart-vA.B.C or A.B.C",
      versionOf(layout.chartTagPrefix),
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
  },
  refuses: [
    `HEAD is not on ${layout.mainBranch}, the working tree is dirty, or a merge is under way`,
    `HEAD is not the very commit of ${layout.remote}/${layout.mainBranch}`,
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
    const { skipImageCheck } = options;
    if (skipImageCheck && options.wait !== undefined) {
      throw new UsageError("--wait waits for the image that --skip-image-check does without");
    }
    const { requestSignal: signal } = interrupt;
    const limit = options.wait === undefined ? undefined : options.wait * 60_000;
    const wait = limit === undefined ? undefined : { limit, world: invocation };
    const procedure = chartReleaseProcedure({ skipImageCheck, wait, signal });
    await release(invocation, procedure, operands.tag, { ...options, atomic: false });
  },
});

if (import.meta.main) {
  await main(table);
}
