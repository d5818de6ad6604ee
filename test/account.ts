/**
 * Says what the test runner keeps to itself: which tests were skipped, and which files are covered
 * too little; where all components are required, no test may be skipped but for the product's files
 * and for rights that a machine does not give.
 */

import { join } from "node:path";
import { projectRoot } from "./helpers/world.ts";

/** Lines of a source: how many there are, how many were run, and which were not. */
interface Covered {
  readonly file: string;
  readonly lines: number;
  readonly hit: number;
  readonly missed: readonly number[];
}

/** Reads the lcov file that the test runner writes. */
export function readCoverage(lcov: string): Covered[] {
  return lcov
    .split("end_of_record\n")
    .filter((record) => record.includes("SF:"))
    .map((record) => {
      const counts = Array.from(record.matchAll(/^DA:(\d+),(\d+)/gm), ([, line, count]) => ({
        line: Number(line),
        isHit: count !== "0",
      }));
      const missed = counts.filter(({ isHit }) => !isHit).map(({ line }) => line);
      return {
        file: /^SF:(.*)$/m.exec(record)?.[1] ?? "",
        lines: counts.length,
        hit: counts.length - missed.length,
        missed,
      };
    });
}

/** Consecutive numbers as ranges: `3-5,9`. */
export function rangesOf(numbers: readonly number[]): string {
  return numbers
    .reduce<[number, number][]>((ranges, number) => {
      const last = ranges.at(-1);
      if (last !== undefined && last[1] === number - 1) {
        last[1] = number;
      } else {
        ranges.push([number, number]);
      }
      return ranges;
    }, [])
    .map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`))
    .join(",");
}

const percent = (hit: number, lines: number) => `${((100 * hit) / lines).toFixed(2)} %`;

/** What is to be said of the lines that were run. */
interface CoverageReport {
  /** Whether of all files together enough was run. */
  readonly isEnough: boolean;
  /** The share of lines that were run in all files, and each file that is below the threshold. */
  readonly told: readonly string[];
}

/** Judges the lines that were run, by the share of them that should be. */
export function judgeCoverage(files: readonly Covered[], threshold: number): CoverageReport {
  const sum = (of: (each: Covered) => number) => files.reduce((all, each) => all + of(each), 0);
  const [hit, lines] = [sum((each) => each.hit), sum((each) => each.lines)];
  const low = files.filter((each) => each.hit < threshold * each.lines);
  return {
    isEnough: lines > 0 && hit >= threshold * lines,
    told: [
      `${percent(hit, lines)} of ${lines} lines in ${files.length} files were run`,
      ...low.map(
        (each) =>
          `Too little of ${each.file} was run: ${percent(each.hit, each.lines)}, expected ${100 * threshold} %; lines ${rangesOf(each.missed)}`,
      ),
    ],
  };
}

/** Names of the tests that were skipped, from the runner's JUnit file. */
export function readSkipped(junit: string): string[] {
  const cases = junit.matchAll(/<testcase name="([^"]*)" classname="([^"]*)"[^>]*>\s*<skipped/g);
  return Array.from(cases, ([, name, group]) => [group, name].filter(Boolean).join(" > "));
}

/** Tests that no component makes possible, by their name. */
const excused =
  /\bproduct\b|checkout (?:is read-only|is on a full disk|belongs to somebody else)|file system/;

/** Skipped tests that a component would make possible. */
export const unexcused = (skipped: readonly string[]): string[] =>
  skipped.filter((name) => !excused.test(name));

if (import.meta.main) {
  const [lcov = "", junit = ""] = process.argv.slice(2);
  const { test } = Bun.TOML.parse(await Bun.file(join(projectRoot, "bunfig.toml")).text()) as {
    test: { coverageThreshold: { lines: number } };
  };
  const skipped = readSkipped(await Bun.file(junit).text());
  const missing = process.env.RELEASE_TEST_COMPONENTS === "required" ? unexcused(skipped) : [];
  const coverage = judgeCoverage(
    readCoverage(await Bun.file(lcov).text()),
    test.coverageThreshold.lines,
  );
  const told = [
    ...skipped.map((name) => `Skipped: ${name}`),
    ...coverage.told,
    ...missing.map((name) => `A test may not be skipped where components are required: ${name}`),
  ];
  process.stdout.write(`${told.join("\n")}\n`);
  process.exitCode = missing.length === 0 && coverage.isEnough ? 0 : 1;
}
