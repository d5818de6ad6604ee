/** Real programs that some tests run: skipped by name where one is absent, unless all are required. */

/**
 * The path of a program, or undefined where it is not installed:
 * `test.skipIf(findComponent("gpg") === undefined)`.
 *
 * @throws {Error} If it is absent and `RELEASE_TEST_COMPONENTS=required`, which CI sets: there, a
 *   skipped test would be a check that cannot fail.
 */
export function findComponent(...names: readonly [string, ...string[]]): string | undefined {
  const found = names.map((name) => Bun.which(name)).find((path) => path !== null);
  if (found === undefined && process.env.RELEASE_TEST_COMPONENTS === "required") {
    throw new Error(`${names[0]} is required and not installed (RELEASE_TEST_COMPONENTS=required)`);
  }
  return found ?? undefined;
}
