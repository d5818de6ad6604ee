import { describe, expect, test } from "bun:test";
import type { Answer, State } from "../../scripts/lib/answer.ts";
import { refusal } from "../../scripts/lib/finding.ts";
import { Interrupted } from "../../scripts/lib/interrupt.ts";
import {
  findingsOfAnswers,
  type Question,
  type SurveyOptions,
  survey,
} from "../../scripts/verify/survey.ts";
import { quietWorld } from "../helpers/quiet.ts";

const minute = 60_000;

function patientWorld(live = false) {
  const quiet = quietWorld(live);
  const options: SurveyOptions = {
    limit: 20 * minute,
    state: (open) => `open: ${open.join(", ")}`,
    sleep: quiet.sleep,
  };
  return { ...quiet, options };
}

/** A question that is answered with these states, one a look; the last one stays. */
function scripted(label: string, states: readonly State[], more: Partial<Answer> = {}) {
  let looks = 0;
  const question: Question = {
    label,
    ask() {
      const state = states[Math.min(looks, states.length - 1)] ?? "unknown";
      looks += 1;
      const answer = { question: label, state, evidence: `look ${looks}` };
      return Promise.resolve([{ ...answer, ...(state === "unknown" && more) }]);
    },
  };
  return { question, looks: () => looks };
}

const unsettled = { temporary: true } as const;

test("what is verified is not asked again, and all is over once everything is", async () => {
  const { world, options, elapsed } = patientWorld();
  const early = scripted("early", ["verified"]);
  const late = scripted("late", ["pending", "unknown", "verified"], unsettled);
  const answers = await survey(world, [early.question, late.question], options);
  expect(answers.map(({ question, state, evidence }) => [question, state, evidence])).toEqual([
    ["early", "verified", "look 1"],
    ["late", "verified", "look 3"],
  ]);
  expect([early.looks(), late.looks()]).toEqual([1, 3]);
  expect(elapsed()).toBe(12_500);
});

test("one failure ends the waiting", async () => {
  const { world, options } = patientWorld();
  const failing = scripted("failing", ["pending", "failed"]);
  const open = scripted("open", ["pending"]);
  const answers = await survey(world, [open.question, failing.question], options);
  expect(answers.map(({ state }) => state)).toEqual(["pending", "failed"]);
  expect(open.looks()).toBe(2);
});

test("pauses grow up to a minute, the last look falls on the limit, and no limit asks once", async () => {
  const { world, options, elapsed } = patientWorld();
  const open = scripted("open", ["pending"]);
  await survey(world, [open.question], { ...options, limit: 0 });
  expect([open.looks(), elapsed()]).toEqual([1, 0]);
  const pauses: number[] = [];
  const sleep = (milliseconds: number, signal: AbortSignal) => {
    pauses.push(milliseconds);
    return options.sleep?.(milliseconds, signal) ?? Promise.resolve();
  };
  await survey(world, [open.question], { ...options, limit: 5 * minute, sleep });
  expect(pauses.slice(0, 7)).toEqual([5000, 7500, 11_250, 16_875, 25_312.5, 37_968.75, 56_953.125]);
  expect(Math.max(...pauses)).toBe(minute);
  expect(elapsed()).toBe(5 * minute);
});

test("what no waiting answers is not waited for: it ends when nothing else is open", async () => {
  const { world, options, elapsed } = patientWorld();
  const gh = scripted("gh", ["unknown"]);
  await survey(world, [gh.question, scripted("image", ["verified"]).question], options);
  expect([gh.looks(), elapsed()]).toEqual([1, 0]);
  const late = scripted("late", ["pending", "unknown", "pending", "verified"], unsettled);
  const answers = await survey(world, [gh.question, late.question], options);
  expect(answers.map(({ state }) => state)).toEqual(["unknown", "verified"]);
  expect(late.looks()).toBe(4);
  expect(elapsed()).toBeLessThan(2 * minute);
});

test("an answer that was there once is waited for, whatever keeps it away later", async () => {
  const { world, options, elapsed } = patientWorld();
  const run = scripted("run", ["pending", "unknown", "unknown", "verified"]);
  expect(await survey(world, [run.question], options)).toMatchObject([{ state: "verified" }]);
  expect(run.looks()).toBe(4);
  // The whole question fails under its own name, and a login that was missing from the start stays so.
  let looks = 0;
  const release: Question = {
    label: "release",
    ask() {
      looks += 1;
      const login: Answer = { question: "login", state: "unknown", evidence: "no login" };
      const asset = (state: State): Answer => ({ question: "asset", state, evidence: "" });
      return looks === 2
        ? Promise.reject(refusal("error connecting to api.github.com"))
        : Promise.resolve([login, asset(looks === 1 ? "pending" : "verified")]);
    },
  };
  const before = elapsed();
  const answers = await survey(world, [release], options);
  expect(answers.map(({ state }) => state)).toEqual(["unknown", "verified"]);
  expect([looks, elapsed() - before]).toEqual([3, 12_500]);
});

test("a server's trouble that may pass is waited for, as long as for a pending answer", async () => {
  const { world, options, elapsed } = patientWorld();
  const troubled = scripted("image", [...Array(9).fill("unknown"), "verified"], unsettled);
  expect(await survey(world, [troubled.question], options)).toMatchObject([{ state: "verified" }]);
  await survey(world, [scripted("image", ["unknown"], unsettled).question], options);
  expect(elapsed()).toBeGreaterThan(options.limit);
});

test("a refused question is one that nobody could answer; a defect stays one", async () => {
  const { world, options } = patientWorld();
  const refused: Question = {
    label: "tag",
    ask: () => Promise.reject(refusal("Cannot run git", { remedy: "Install git" })),
  };
  expect(await survey(world, [refused], { ...options, limit: 0 })).toEqual([
    { question: "tag", state: "unknown", evidence: "Cannot run git", remedy: "Install git" },
  ]);
  const broken: Question = { label: "x", ask: () => Promise.reject(new TypeError("defect")) };
  expect(survey(world, [broken], options)).rejects.toThrow(TypeError);
});

describe("beside a terminal", () => {
  test("a line a change is written, first what is open", async () => {
    const { world, options, written } = patientWorld();
    const questions = [
      scripted("early", ["verified"]).question,
      scripted("late", ["pending", "pending", "verified"]).question,
    ];
    await survey(world, questions, options);
    expect(written).toEqual({
      out: "",
      err: "after 0 s: late: pending, look 1\nafter 12 s: late: verified, look 3\n",
    });
  });

  test("a look without waiting says nothing", async () => {
    const { world, options, written } = patientWorld();
    await survey(world, [scripted("open", ["pending"]).question], { ...options, limit: 0 });
    expect(written).toEqual({ out: "", err: "" });
  });
});

test("on a terminal one line tells how far it is, and what is waited for", async () => {
  const { world, options, written } = patientWorld(true);
  const slow: Question = {
    label: "image",
    async ask() {
      await Bun.sleep(300);
      return [
        { question: "image on ghcr.io", state: "verified", evidence: "" },
        { question: "image on docker.io", state: "pending", evidence: "" },
      ];
    },
  };
  const late = scripted("crate", ["verified"]);
  await survey(world, [slow, late.question], {
    ...options,
    limit: 1000,
    sleep: async () => {
      await Bun.sleep(300);
      await options.sleep?.(1000, world.interrupt.requestSignal);
    },
  });
  const lines = written.err.split("\r\u001b[K");
  expect(lines).toContain("1 verified, waiting for image, 0 s");
  expect(lines).toContain("2 verified, waiting for image on docker.io, 0 s");
  expect(written.err).toEndWith("\r\u001b[K");
});

describe("Ctrl-C ends it at once", () => {
  test("during a question that would go on for long", async () => {
    const { world, options, controller } = patientWorld();
    const endless: Question = { label: "image", ask: () => new Promise(() => {}) };
    const questions = [endless, scripted("crate", ["verified"]).question];
    const work = survey(world, questions, options);
    setTimeout(() => controller.abort(), 10);
    const thrown = await work.catch((reason: unknown) => reason);
    expect(thrown).toBeInstanceOf(Interrupted);
    expect(String(thrown)).toEndWith("Interrupted: open: image");
  });

  test("during a pause", async () => {
    const { world, options, controller } = patientWorld();
    const sleep = () => {
      controller.abort();
      return Promise.reject(controller.signal.reason);
    };
    const work = survey(world, [scripted("image", ["pending"]).question], { ...options, sleep });
    expect(work).rejects.toThrow("Interrupted: open: image");
  });
});

describe("as findings", () => {
  const unknown = (question: string, evidence = "gh is missing"): Answer => ({
    question,
    state: "unknown",
    evidence,
    remedy: "Install gh",
  });

  test("those that nobody could give for one reason are one, where the first stands", () => {
    const verified: Answer = { question: "tag", state: "verified", evidence: "there" };
    expect(
      findingsOfAnswers([
        verified,
        unknown("run"),
        unknown("image", "no network"),
        unknown("SBOM"),
      ]),
    ).toEqual([
      { level: "notice", message: "tag: verified, there" },
      {
        level: "error",
        message: "Cannot verify run, SBOM: unknown, gh is missing",
        remedy: "Install gh",
      },
      {
        level: "error",
        message: "Cannot verify image: unknown, no network",
        remedy: "Install gh",
      },
    ]);
  });

  test("many answers for the same reason are counted, not listed", () => {
    const messages = (count: number) =>
      findingsOfAnswers(Array.from({ length: count }, (_, index) => unknown(`q${index}`))).map(
        ({ message }) => message,
      );
    expect(messages(3)).toEqual(["Cannot verify q0, q1, q2: unknown, gh is missing"]);
    expect(messages(5)).toEqual(["Cannot verify q0, q1, q2 and 2 more: unknown, gh is missing"]);
  });

  test("equal failures stay apart", () => {
    const failed = (question: string): Answer => ({ question, state: "failed", evidence: "x" });
    expect(findingsOfAnswers([failed("a"), failed("b")])).toHaveLength(2);
  });
});
