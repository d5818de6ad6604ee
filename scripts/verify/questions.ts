/** The questions about a pushed tag: one for each thing that its push triggers. */

import { type Answer, answerOf, Unverified } from "../lib/answer.ts";
import { type ImageReference, nameOf, parseImageReference } from "../lib/files/image-reference.ts";
import type { Repository } from "../lib/git/repository.ts";
import { layout } from "../lib/layout.ts";
import type { HttpOptions } from "../lib/net/http.ts";
import { isCandidate, isVersion, type Version } from "../lib/version.ts";
import {
  askAttestations,
  askGithubRelease,
  type Downloads,
  draft,
  noRelease,
  type Subject,
} from "./github-release.ts";
import { askChartArtifact, askCrate, askImages, imageQuestion } from "./published.ts";
import type { Question } from "./survey.ts";
import { askTag, type Promises, type TagAnswer, tagQuestion } from "./tag.ts";
import { askWorkflowRun } from "./workflow-run.ts";

/** The two kinds of release tag. */
export type TagKind = "application" | "chart";

/** A release, and where it is published if not at the places in the layout. */
export interface Release {
  readonly kind: TagKind;
  readonly version: Version;
  /** The registry to ask instead of the one that a reference names. */
  readonly registry?: string | undefined;
  /** The base URL of the crate index. */
  readonly crateIndex?: URL | undefined;
}

/**
 * Returns the short name of a release's tag, the questions about it in the order in which they are
 * asked and reported, and a function that returns the last answer about the tag itself.
 *
 * @param downloads Receives the assets of the GitHub release.
 */
export function questionsOf(
  release: Release,
  repository: Repository,
  http: HttpOptions,
  downloads: Downloads,
) {
  const { kind, version, registry, crateIndex = new URL(layout.published.crateIndex) } = release;
  const { root: cwd, env, signal } = repository;
  const gh = { env, cwd, signal, repository: layout.published.repository };
  const registries = { env, cwd, http };
  const isChart = kind === "chart";
  // A candidate is for the lab: release.yml keeps it from crates.io, and may make no GitHub release.
  const isForLab = !isChart && isCandidate(version);
  const tag = `${isChart ? layout.chartTagPrefix : layout.tagPrefix}${version}`;
  const script = isChart ? "scripts/release-chart.ts" : "scripts/release.ts";
  const workflow = isChart ? layout.chartReleaseWorkflow : layout.releaseWorkflow;
  /** Returns a reference in the registry that is to be asked. */
  const at = (reference: ImageReference) => ({ ...reference, ...(registry && { registry }) });
  const published = (name: string) => ({ ...at(parseImageReference(name)), tag: version });
  let tagging: Promise<TagAnswer>;
  let running: Promise<Answer>;

  const origin = async () => ({ tag, workflow, commit: (await tagging).commit });

  /** @throws {Unverified} If the tag's promises are unknown. */
  async function readPromises(): Promise<Promises> {
    const { promises } = await tagging;
    if (promises instanceof Unverified) {
      throw promises;
    }
    return promises;
  }

  /** Returns a question about a product of the run. It is asked after the run: see `afterRun`. */
  function made(label: string, ask: Question["ask"]): Question {
    return {
      label,
      async ask() {
        const run = await running;
        return (await ask()).map((answer) => afterRun(run, answer));
      },
    };
  }

  async function askRelease(): Promise<readonly Answer[]> {
    const what = isForLab ? "candidate" : kind;
    const { answers, binaries } = await askGithubRelease(tag, what, gh, downloads);
    const all = [...answers, ...(await askAttestations(binaries, await origin(), gh))];
    const { state } = await running;
    return isForLab && (state === "verified" || state === "failed")
      ? all.filter(({ evidence }) => evidence !== noRelease)
      : all;
  }

  async function askImage(): Promise<readonly Answer[]> {
    const names = new Set(layout.published.images.map((name) => nameOf(published(name))));
    const references = [...names].map(parseImageReference);
    try {
      return await askImages(references, (await readPromises()).platforms, registries);
    } catch (thrown) {
      return references.map((reference) => answerOf(imageQuestion(reference), thrown));
    }
  }

  async function askChart(): Promise<readonly Answer[]> {
    const { product: name } = layout;
    const { promises } = await tagging;
    const appVersion = promises instanceof Unverified ? undefined : promises.appVersion;
    const reference = published(layout.published.chart);
    const { answer, digest } = await askChartArtifact(reference, appVersion, registries);
    const subject: Subject = {
      name: `chart ${name} ${version}`,
      async file() {
        if (digest === undefined) {
          const evidence = "the artifact of the chart is not verified";
          const { state, remedy, temporary } = answer;
          throw new Unverified(state, evidence, remedy, undefined, temporary);
        }
        const path = `oci://${reference.registry}/${reference.repository}@${digest}`;
        return { path, sha256: digest.replace(/^sha256:/, "") };
      },
    };
    return [answer, ...(await askAttestations([subject], await origin(), gh))];
  }

  /** Asks for the image that an install of the chart pulls: the run of the application's tag pushes it. */
  async function askPulledImage(): Promise<readonly Answer[]> {
    const { pulled, platforms } = await readPromises();
    if (pulled === undefined) {
      const remedy = "Release the next chart version with a values.yaml that names the image";
      throw new Unverified("unknown", "the chart names no image", remedy);
    }
    const answers = await askImages([at(pulled)], platforms, registries);
    if (!isVersion(pulled.tag ?? "") || answers.every(({ state }) => state !== "pending")) {
      return answers;
    }
    const pushed = `${layout.tagPrefix}${pulled.tag}`;
    const run = await askWorkflowRun({ tag: pushed, workflow: layout.releaseWorkflow }, gh);
    return run.state === "failed" ? answers.map((answer) => afterRun(run, answer)) : answers;
  }

  const ofTag: Question = {
    label: tagQuestion,
    async ask() {
      tagging = askTag(repository, tag, script);
      return [(await tagging).answer];
    },
  };
  const ofRun: Question = {
    label: "workflow run",
    async ask() {
      running = origin().then((question) => askWorkflowRun(question, gh));
      return [await running];
    },
  };
  const ofCrates = (layout.published.crates ?? []).map((name) =>
    made(`crate ${name}`, async () => [await askCrate(name, version, crateIndex, http)]),
  );
  const own = isChart
    ? [made("chart", askChart), { label: "image of the chart", ask: askPulledImage }]
    : [made("image", askImage), ...(isForLab ? [] : ofCrates)];
  const questions = [ofTag, ofRun, made("GitHub release", askRelease), ...own];
  return { tag, questions, tagged: () => tagging };
}

/** Returns the answer about a product of a run: if the run has ended, `pending` becomes `failed`. */
function afterRun(run: Answer, answer: Answer): Answer {
  const mayStillCome =
    run.state === "verified" ? answer.evidence === draft : run.state !== "failed";
  if (answer.state !== "pending" || mayStillCome) {
    return answer;
  }
  const end = run.state === "failed" ? "failed" : "ended";
  return {
    question: answer.question,
    state: "failed",
    evidence: `${answer.evidence}, and waiting is of no use: the ${run.question} has ${end}`,
    remedy: run.remedy ?? "Read the log of the run's job that publishes it, and re-run that job",
    link: run.link ?? answer.link,
  };
}
