/** Searches a test for every site that fails when the finding of the site does not come. */

import { findCandidates } from "./candidates.ts";
import { type Answer, keyOf, runPlan, type TestName, type Trial } from "./plan.ts";
import type { Site } from "./sites.ts";

/** A site, and the test that fails without its finding. */
export interface Killed {
  readonly site: Site;
  readonly test: TestName;
}

export interface Search {
  readonly killed: readonly Killed[];
  /** Sites that no test holds, each with what the tests that meet it were told. */
  readonly survivors: readonly { readonly site: Site; readonly complaints: readonly string[] }[];
}

interface Met {
  readonly test: TestName;
  readonly sites: readonly string[];
  readonly starts: boolean;
  /** Its place among the tests of its file. */
  readonly order: number;
}

/** How many tests are tried for a site at once. */
const batch = 4;

/** Searches in the test files nearest to each source first, and among equals in those first by name. */
export async function search(
  sites: readonly Site[],
  tell: (progress: string) => void,
  surveyed = new Map<string, Met[]>(),
): Promise<Search> {
  const found = new Map<string, TestName>();
  const complaints = new Map<string, string[]>();
  const candidates = findCandidates();
  const furthest = Math.max(...candidates.flatMap(({ steps }) => [...steps.values()]));
  for (let distance = 0; distance <= furthest && found.size < sites.length; distance++) {
    const open = sites.filter((site) => !found.has(keyOf(site)));
    const near = ({ file }: Site) =>
      candidates.filter(({ steps }) => steps.get(file) === distance).map((each) => each.file);
    const files = [...new Set(open.flatMap(near))].sort();
    await survey(files, sites, surveyed, tell);
    const queues = open.map((site) => {
      const tests = near(site).flatMap((file) => surveyed.get(file) ?? []);
      return { site, tests: tests.filter((met) => met.sites.includes(keyOf(site))).sort(rank) };
    });
    await tryAll(queues, sites, found, complaints);
    tell(`${found.size} of ${sites.length} held, by tests at most ${distance} imports away`);
  }
  return {
    killed: sites.flatMap((site) => {
      const test = found.get(keyOf(site));
      return test === undefined ? [] : [{ site, test }];
    }),
    survivors: sites
      .filter((site) => !found.has(keyOf(site)))
      .map((site) => ({ site, complaints: complaints.get(keyOf(site)) ?? [] })),
  };
}

/** Tests that start no program come first: they are run often. */
function rank(a: Met, b: Met): number {
  return (
    Number(a.starts) - Number(b.starts) ||
    (a.test.file < b.test.file ? -1 : a.test.file > b.test.file ? 1 : a.order - b.order)
  );
}

async function survey(
  files: readonly string[],
  sites: readonly Site[],
  surveyed: Map<string, Met[]>,
  tell: (progress: string) => void,
): Promise<void> {
  for (const file of files.filter((each) => !surveyed.has(each))) {
    const answers = await runPlan([file], undefined, sites);
    const met = answers.filter((answer) => answer.kind === "met");
    for (const { test, words } of answers.filter((answer) => answer.kind === "failed")) {
      tell(
        `left out, as it fails without a mutant: ${file}: ${test.name}: ${words.split("\n")[0]}`,
      );
    }
    surveyed.set(
      file,
      met.map((each, order) => ({ ...each, order })),
    );
  }
}

async function tryAll(
  queues: readonly { readonly site: Site; readonly tests: readonly Met[] }[],
  sites: readonly Site[],
  found: Map<string, TestName>,
  complaints: Map<string, string[]>,
): Promise<void> {
  const longest = Math.max(0, ...queues.map(({ tests }) => tests.length));
  for (let from = 0; from < longest; from += batch) {
    const tried = queues
      .filter(({ site }) => !found.has(keyOf(site)))
      .map(({ site, tests }) => ({ key: keyOf(site), tests: tests.slice(from, from + batch) }))
      .filter(({ tests }) => tests.length > 0);
    const trials = tried.flatMap(({ key, tests }) =>
      tests.map(({ test }) => ({ ...test, sites: [key] })),
    );
    const answers = await runTrials(trials, sites);
    for (const { key, tests } of tried) {
      for (const { test } of tests) {
        const complaint = complaintIn(answers, test, key);
        if (complaint === undefined) {
          found.set(key, found.get(key) ?? test);
        } else {
          const all = complaints.get(key) ?? [];
          complaints.set(key, [...all, `${test.file}: ${test.name}: ${complaint}`]);
        }
      }
    }
  }
}

/** Runs tests with their mutants, all in one process, and each test once for all its mutants. */
export async function runTrials(
  trials: readonly Trial[],
  sites: readonly Site[],
): Promise<readonly Answer[]> {
  const byTest = Map.groupBy(trials, ({ file, name }) => JSON.stringify([file, name]));
  const merged = [...byTest.values()].flatMap((those) =>
    those.slice(0, 1).map((first) => ({ ...first, sites: those.flatMap((each) => each.sites) })),
  );
  const files = [...new Set(merged.map(({ file }) => file))].sort();
  return files.length === 0 ? [] : await runPlan(files, merged, sites);
}

/** Why a mutant was not killed by a test, if so. */
export function complaintIn(
  answers: readonly Answer[],
  { file, name }: TestName,
  key: string,
): string | undefined {
  const answer = answers.find(
    (each) =>
      each.kind === "tried" &&
      each.test.file === file &&
      each.test.name === name &&
      each.site === key,
  );
  return answer?.kind === "tried" ? answer.complaint : "the test did not run";
}
