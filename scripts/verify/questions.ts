/** The questions that a tag raises: everything that its push triggers, seen from outside. */

import type { Answer } from "../lib/answer.ts";
import type { Finding } from "../lib/finding.ts";
import type { ObjectId, Repository } from "../lib/git/git.ts";
import { layout } from "../lib/layout.ts";
import type { GhWorld } from "../lib/net/gh.ts";
import type { HttpOptions } from "../lib/net/http.ts";
import { isVersion, type Version } from "../lib/version.ts";
import { askAttestations, type Subject } from "./attestations.ts";
import { askChartArtifact, chartQuestion } from "./chart-artifact.ts";
import { askCrate, crateQuestion } from "./crates.ts";
import type { Downloads } from "./downloads.ts";
import { type Expectation, type Promises, readExpectation } from "./expected.ts";
import { askGithubRelease } from "./github-release.ts";
import { askImages, imageQuestion } from "./images.ts";
import { inRegistry, type Release } from "./published.ts";
import { failedWith, type Question } from "./survey.ts";
import { askTag, type TagAnswer, tagQuestion } from "./tag.ts";
import { askWorkflowRun, type RunQuestion } from "./workflow-run.ts";

/** The world that the questions are asked in. */
export interface VerifyWorld {
  readonly repository: Repository;
  readonly gh: GhWorld;
  readonly http: HttpOptions;
  /** Takes the assets of the GitHub release. */
  readonly downloads: Downloads;
}

export interface Inquiry {
  /** In the order in which they must be asked, and are told. */
  readonly questions: readonly Question[];
  /** The tag's commit, once it is known. */
  commit(): ObjectId | undefined;
  /** Where the promises were read, and what is missing in them; once they were needed. */
  findings(): readonly Finding[];
}

/** The questions that the tag of an application or of a chart raises. */
export function questionsOf(release: Release, world: VerifyWorld): Inquiry {
  const facts = sharedFacts(release, world);
  const common: Question[] = [
    one(tagQuestion, facts.askTag),
    one("workflow run", facts.askRun, "itself"),
    { label: "GitHub release", run: "makes it", ask: githubAsker(release, world, facts) },
  ];
  const own =
    release.kind === "chart"
      ? chartQuestions(release, world, facts)
      : applicationQuestions(release, world, facts);
  return {
    questions: [...common, ...own],
    commit: facts.commit,
    findings: () => facts.expectation()?.findings ?? [],
  };
}

/** What several questions want to know, asked once a round. */
interface SharedFacts {
  askTag(): Promise<Answer>;
  askRun(): Promise<Answer>;
  /** The run and, once the tag has been asked for, its commit. */
  origin(): Promise<RunQuestion>;
  /** What became of the run, as far as it was asked for in this round or before. */
  run(): Promise<Answer | undefined>;
  /** What the tag promises. */
  expected(): Promise<Expectation>;
  expectation(): Expectation | undefined;
  commit(): ObjectId | undefined;
}

function sharedFacts({ kind, tag }: Release, { repository, gh }: VerifyWorld): SharedFacts {
  const isChart = kind === "chart";
  const script = isChart ? "scripts/release-chart.ts" : "scripts/release.ts";
  const workflow = isChart ? layout.chartReleaseWorkflow : layout.releaseWorkflow;
  let tagging: Promise<TagAnswer> | undefined;
  let running: Promise<Answer> | undefined;
  let commit: ObjectId | undefined;
  let expectation: Expectation | undefined;

  async function origin(): Promise<RunQuestion> {
    await tagging;
    return { tag, workflow, commit };
  }

  return {
    origin,
    async askTag() {
      tagging = askTag(repository, tag, script);
      const found = await tagging;
      commit = found.commit;
      return found.answer;
    },
    askRun() {
      running = origin().then((question) => askWorkflowRun(question, gh));
      return running;
    },
    run: async () => await running,
    async expected() {
      await tagging;
      // Those of HEAD are read again: the tag's commit may come to be known.
      if (expectation?.ofTag !== true) {
        expectation = await readExpectation(repository, tag, commit);
      }
      return expectation;
    },
    expectation: () => expectation,
    commit: () => commit,
  };
}

function one(label: string, ask: () => Promise<Answer>, run?: Question["run"]): Question {
  return { label, ...(run === undefined ? {} : { run }), ask: async () => [await ask()] };
}

/**
 * Asks for something that the run makes. What is not there is asked for once more if the run has
 * ended in success: it may have come in between, and if not, it does not come any more.
 */
function made(ask: () => Promise<readonly Answer[]>, facts: SharedFacts): Question["ask"] {
  return async () => {
    const early = await ask();
    const isOpen = early.some(({ state }) => state === "pending");
    if (!isOpen || (await facts.run())?.state !== "verified") {
      return early;
    }
    return (await ask()).map((answer) =>
      answer.state === "pending"
        ? {
            ...answer,
            state: "failed",
            evidence: `${answer.evidence}, and the workflow run has ended`,
            remedy: "Read the log of the run's job that publishes it, and re-run that job",
          }
        : answer,
    );
  };
}

/** Asks for a GitHub release, and then for the attestations of its binaries. */
function githubAsker(
  { kind, tag }: Release,
  { gh, downloads }: VerifyWorld,
  facts: SharedFacts,
): Question["ask"] {
  return async () => {
    const run = (await facts.run())?.state;
    const found = await askGithubRelease(tag, kind, gh, { downloads, run });
    const attested = await askAttestations(found.binaries, await facts.origin(), gh, run);
    return [...found.answers, ...attested];
  };
}

/** The image and the crates of an application. */
function applicationQuestions(
  { images, tag, version, crates, crateIndex }: Release,
  { repository, http }: VerifyWorld,
  facts: SharedFacts,
): Question[] {
  async function askImage(): Promise<readonly Answer[]> {
    const { promises, ofTag } = await facts.expected();
    if (promises === undefined) {
      return images.map((image) => unread(imageQuestion(image)));
    }
    const references = images.map((image) => ({ ...image, tag: version }));
    const answers = await askImages(
      { references, platforms: promises.platforms },
      { env: repository.env, cwd: repository.root, http },
    );
    return ofTag ? answers : answers.map((answer) => unheld(answer, tag));
  }

  return [
    { label: "image", run: "makes it", ask: made(askImage, facts) },
    ...crates.map(
      (name): Question => ({
        label: crateQuestion(name),
        run: "makes it",
        ask: made(async () => [await askCrate(name, version, crateIndex, http)], facts),
      }),
    ),
  ];
}

/** An image that is as HEAD promises it: whether it is as its tag does, nobody can tell here. */
function unheld(answer: Answer, tag: string): Answer {
  return answer.state === "verified"
    ? {
        ...answer,
        state: "unknown",
        evidence: `${answer.evidence}; which platforms ${tag} promises is not known here`,
        remedy: `Fetch the tag: git fetch ${layout.remote} tag ${tag}`,
        lasting: true,
      }
    : answer;
}

/** The artifact of a chart with its attestations, and the image that an install pulls. */
function chartQuestions(
  { chart, version, registry }: Release,
  { repository, gh, http }: VerifyWorld,
  facts: SharedFacts,
): Question[] {
  const imageWorld = { env: repository.env, cwd: repository.root, http };
  const pulledLabel = "image of the chart";

  async function askChart(): Promise<readonly Answer[]> {
    const promises = promisesOf(await facts.expected(), version);
    const published = {
      reference: { ...chart, tag: version },
      name: layout.product,
      appVersion: promises?.appVersion,
    };
    let digest: string | undefined;
    const ask = async () => {
      const found = await askChartArtifact(published, imageWorld);
      digest = found.digest;
      return [found.answer];
    };
    const answers = await made(ask, facts)();
    const name = `chart ${layout.product} ${version}`;
    const subject: Subject =
      digest === undefined
        ? { name, absent: absentLike(answers) }
        : {
            name,
            target: `oci://${chart.registry}/${chart.repository}@${digest}`,
            sha256: digest.replace(/^sha256:/, ""),
          };
    const run = (await facts.run())?.state;
    const attested = await askAttestations([subject], await facts.origin(), gh, run);
    return [...answers, ...attested];
  }

  /** The run of another tag has made that image. */
  async function askPulledImage(): Promise<readonly Answer[]> {
    const promises = promisesOf(await facts.expected(), version);
    if (promises?.pulled === undefined) {
      return [unread(pulledLabel)];
    }
    const { platforms } = promises;
    const reference = inRegistry(promises.pulled, registry);
    const answers = await askImages({ references: [reference], platforms }, imageWorld);
    const pulled = reference.tag ?? "";
    if (!isVersion(pulled) || answers.every(({ state }) => state !== "pending")) {
      return answers;
    }
    const tag = `${layout.tagPrefix}${pulled}`;
    const run = await askWorkflowRun({ tag, workflow: layout.releaseWorkflow }, gh);
    return run.state === "failed" ? answers.map((answer) => failedWith(run, answer)) : answers;
  }

  return [
    { label: chartQuestion(chart), run: "makes it", ask: askChart },
    { label: pulledLabel, ask: askPulledImage },
  ];
}

/** Why there is nothing to be attested. */
function absentLike([answer]: readonly Answer[]): Subject["absent"] {
  const { state = "unknown", remedy } = answer ?? {};
  return {
    state,
    evidence: "the chart's artifact is not verified",
    ...(remedy === undefined ? {} : { remedy }),
  };
}

/** The promises of the chart that was tagged, not those of another version of it. */
function promisesOf({ promises, ofTag }: Expectation, version: Version): Promises | undefined {
  return ofTag || promises?.chartVersion === version ? promises : undefined;
}

function unread(question: string): Answer {
  return {
    question,
    state: "unknown",
    evidence: "what the tag promises cannot be read",
    remedy: "Put right what is said about the tag's files, or fetch the tag",
    lasting: true,
  };
}
