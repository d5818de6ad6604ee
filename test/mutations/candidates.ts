/** Which test files may hold the rule of a source: its own first, then those of what imports it. */

import { existsSync, readFileSync } from "node:fs";
import { join, normalize } from "node:path";
import { projectRoot } from "../helpers/world.ts";

/**
 * The source that a test file mirrors, whole or in part, as `release-watch` does `release`; undefined
 * for tests of the whole, which take long and mean another rule.
 */
export function mirroredBy(test: string): string | undefined {
  const path = test.replace(/^test\//, "").replace(/\.test\.ts$/, "");
  const home = path.startsWith("release-gate/") ? path : `scripts/${path}`;
  return [home, home.replace(/-[a-z]+$/, "")]
    .map((each) => `${each}.ts`)
    .find((each) => existsSync(join(projectRoot, each)));
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(projectRoot, file), "utf8");
  return [...text.matchAll(/\bfrom "(\.[^"]+)"/g)].map(([, path = ""]) =>
    normalize(join(file, "..", path)),
  );
}

/** How many imports lead from a source to each source that it reaches. */
function stepsFrom(
  source: string,
  imports: (file: string) => readonly string[],
): Map<string, number> {
  const steps = new Map([[source, 0]]);
  for (const [file, count] of steps) {
    for (const next of imports(file)) {
      steps.set(next, steps.get(next) ?? count + 1);
    }
  }
  return steps;
}

/** A test file, and how many imports lead from the source that it mirrors to another. */
export interface Candidate {
  readonly file: string;
  readonly steps: ReadonlyMap<string, number>;
}

/** Every test file that mirrors a source, in order. */
export function findCandidates(): Candidate[] {
  const known = new Map<string, readonly string[]>();
  const imports = (file: string) => {
    const found = known.get(file) ?? importsOf(file);
    known.set(file, found);
    return found;
  };
  return [...new Bun.Glob("test/**/*.test.ts").scanSync(projectRoot)].sort().flatMap((file) => {
    const source = mirroredBy(file);
    return source === undefined ? [] : [{ file, steps: stepsFrom(source, imports) }];
  });
}
