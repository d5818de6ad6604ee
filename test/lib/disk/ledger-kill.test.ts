import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot, temporaryFolder } from "../../helpers/world.ts";

const processes = 50;
const first = "v1.0.0\tabcdef0\t2026-08-01\tPASS";

/** Appends rows of its own, one after the other, and names each on standard output once it is in. */
const appender = `
import { writeSync } from "node:fs";
import { appendRow } from ${JSON.stringify(join(projectRoot, "scripts/lib/disk/ledger-file.ts"))};
const [path, major] = process.argv.slice(2);
for (let patch = 0; ; patch += 1) {
  const tag = "v" + major + ".0." + patch;
  await appendRow(path, { tag, sha: "abcdef1", date: "2026-08-07", verdict: "PASS" }, "2026-08-07");
  writeSync(1, tag + "\\n");
}
`;

test("of 50 processes that append at once and are killed, every reported row is there, whole, once", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "ledger.txt");
  const script = join(folder.path, "appender.ts");
  writeFileSync(path, `${first}\n`);
  writeFileSync(script, appender);
  const children = Array.from({ length: processes }, (_, index) =>
    Bun.spawn([process.execPath, script, path, String(index + 2)], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    }),
  );
  const outputs = children.map(async (child) => await new Response(child.stdout).text());
  const errors = children.map(async (child) => await new Response(child.stderr).text());
  // The moments differ from run to run: what must hold does so for all of them.
  const rowCount = () => readFileSync(path, "utf8").split("\n").length;
  while (rowCount() < 2 * processes) {
    await Bun.sleep(20);
  }
  await Promise.all(
    children.map(async (child) => {
      await Bun.sleep(Math.random() * 700);
      child.kill("SIGKILL");
      await child.exited;
    }),
  );
  const reported = (await Promise.all(outputs)).flatMap((output) => output.trim().split("\n"));
  const successes = reported.filter((tag) => tag !== "");
  expect((await Promise.all(errors)).filter((words) => words !== "")).toEqual([]);
  expect(children.map(({ signalCode }) => signalCode)).toEqual(children.map(() => "SIGKILL"));

  const after = readFileSync(path, "utf8");
  expect(after).toStartWith(`${first}\n`);
  expect(after).toEndWith("\n");
  const rows = after.trimEnd().split("\n").slice(1);
  expect(
    rows.filter((row) => !/^v[0-9]+\.0\.[0-9]+\tabcdef1\t2026-08-07\tPASS$/.test(row)),
  ).toEqual([]);
  const tags = rows.map((row) => row.slice(0, row.indexOf("\t")));
  expect(new Set(tags).size).toBe(tags.length);
  expect(successes.length).toBeGreaterThan(processes);
  const there = new Set(tags);
  expect(successes.filter((tag) => !there.has(tag))).toEqual([]);
  // A process may be killed between its row and its word, and so once at most.
  expect(tags.length - successes.length).toBeLessThanOrEqual(processes);
});
