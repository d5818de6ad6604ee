#!/usr/bin/env bun
/**
 * Verifies that everything that a release tag triggers is published: workflow run, GitHub release with
 * its assets and attestations, image, crates, chart.
 *
 * Usage: bun scripts/verify-release.ts vX.Y.Z|chart-vA.B.C [--wait [MINUTES]] [--registry HOST] [--crate-index URL]
 *
 * A candidate (vX.Y.Z-rc.N) triggers its run and its image, and perhaps a prerelease on GitHub.
 * Each answer is verified, failed, pending or unknown; anything but verified refuses. With --wait, the
 * questions that are not verified are asked again until all are, one has failed, waiting is of no use,
 * or the time is over. Changes nothing, and fetches nothing into the repository.
 *
 * Exit codes: 0 everything is verified; 1 refused; 2 wrong command line; 130 interrupted.
 */

import type { Answer } from "./lib/answer.ts";
import { command, main, need, operand, option, optionWithDefault, wholeNumber } from "./lib/cli.ts";
import { UsageError } from "./lib/command-line.ts";
import { parseImageReference } from "./lib/files/image-reference.ts";
import { notice, quote } from "./lib/finding.ts";
import { layout } from "./lib/layout.ts";
import { duration } from "./lib/progress.ts";
import { parseVersion, type Version } from "./lib/version.ts";
import { openDownloads } from "./verify/github-release.ts";
import { questionsOf, type TagKind } from "./verify/questions.ts";
import { findingsOfAnswers, survey } from "./verify/survey.ts";

function parseTag(text: string): { readonly kind: TagKind; readonly version: Version } {
  return text.startsWith(layout.chartTagPrefix)
    ? { kind: "chart", version: parseVersion(text, layout.chartTagPrefix) }
    : { kind: "application", version: parseVersion(text, layout.tagPrefix) };
}

function parseRegistry(text: string): string {
  const { registry } = parseImageReference(`${text}/${layout.product}`);
  if (registry !== text) {
    throw new SyntaxError(`expected a registry such as ghcr.io, found ${quote(text)}`);
  }
  return registry;
}

function parseIndex(text: string): URL {
  const url = URL.parse(text.endsWith("/") ? text : `${text}/`);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new SyntaxError(`expected the URL of a sparse index, found ${quote(text)}`);
  }
  return url;
}

/** Returns the number of answers in each state, such as `3 of 17 verified, 1 failed`. */
export function countAnswers(answers: readonly Answer[]): string {
  const states = ["verified", "failed", "pending", "unknown"] as const;
  const [verified, ...others] = states.map((each) => {
    const count = answers.filter(({ state }) => state === each).length;
    return { count, words: `${count} ${each}` };
  });
  const open = others.filter(({ count }) => count > 0).map(({ words }) => `, ${words}`);
  return `${verified?.count} of ${answers.length} verified${open.join("")}`;
}

export const table = command({
  name: "scripts/verify-release.ts",
  summary: "Verifies that everything that a release tag triggers is published.",
  operands: {
    tag: operand("the tag, as vX.Y.Z, X.Y.Z or chart-vA.B.C", parseTag),
  },
  options: {
    wait: optionWithDefault(
      "MINUTES",
      `ask again until everything is verified, a question has failed or waiting is of no use (default: ${layout.waitMinutes} minutes at most)`,
      wholeNumber(1, 1440),
      layout.waitMinutes,
    ),
    registry: option(
      "HOST",
      "the registry to ask for image and chart (default: those that they are pushed to)",
      parseRegistry,
    ),
    crateIndex: option(
      "URL",
      `the sparse index to ask for the crates (default: ${layout.published.crateIndex})`,
      parseIndex,
    ),
  },
  refuses: [
    `the tag is not on ${layout.remote}, or has no good signature or another name`,
    "the local tag is signed or of another commit, and another object (an unsigned copy is a warning)",
    "the workflow run of the tag has failed, is in progress, or cannot be found",
    "the GitHub release is a draft, or one of its assets is missing or not attested",
    "the image is missing in a registry, lacks a promised platform, or differs between registries",
    "a crate's version is missing in the index, or yanked (a candidate vX.Y.Z-rc.N has no crates)",
    "for a candidate: its GitHub release, if there is one, is not marked as a prerelease",
    "for a chart: its artifact is missing in the registry, or states another version",
    "any of these questions has no answer",
  ],
  example: "bun scripts/verify-release.ts v1.2.3 --wait",
  async run(invocation) {
    const { operands, options, report, interrupt, clock } = invocation;
    const { kind, version } = operands.tag;
    if (kind === "chart" && options.crateIndex !== undefined) {
      throw new UsageError("--crate-index is of no use: a chart has no crates");
    }
    if (kind === "chart") {
      need("chart", "verify the release of a chart");
    }
    const { requestSignal: signal } = interrupt;
    const opened = await invocation.repository();
    // In a partial clone git would fetch missing objects.
    const env = { ...opened.env, GIT_NO_LAZY_FETCH: "1" };
    const repository = { ...opened, env, signal };
    using downloads = openDownloads(env);
    const release = { kind, version, ...options };
    const { tag, questions, tagged } = questionsOf(release, repository, { signal }, downloads);
    const begin = clock();
    const answers = await survey(invocation, questions, {
      limit: (options.wait ?? 0) * 60_000,
      state: (open) => `not verified yet: ${open.join(", ")}`,
    });
    const waited = clock() - begin;
    const { commit = null, findings } = await tagged();
    report.attach({
      tag,
      kind,
      commit,
      answers: answers.map((each) => ({ ...each })),
      ...(options.wait === undefined ? {} : { waitedSeconds: Math.round(waited / 1000) }),
    });
    report.tabulate({
      columns: ["question", "state", "evidence", "fix"],
      rows: answers.map((each) => [each.question, each.state, each.evidence, each.remedy ?? ""]),
    });
    report.add(findings);
    report.add(findingsOfAnswers(answers));
    if (answers.every(({ state }) => state === "verified")) {
      report.add(notice(`${tag} is published: ${countAnswers(answers)}`));
    } else {
      const after = options.wait === undefined ? "" : ` after ${duration(waited)}`;
      report.printAside(`${tag}: ${countAnswers(answers)}${after}`);
    }
  },
});

if (import.meta.main) {
  await main(table);
}
