/**
 * Finds for every `error` finding in the sources a test that fails when the finding does not come,
 * and writes the table of them.
 *
 * Usage: bun run mutations
 *
 * Exit codes: 0 the table in test/README.md is written, 1 a finding is held by no test.
 */

import { readPage, rowOf, withTable, writePage } from "./mutations/page.ts";
import { search } from "./mutations/search.ts";
import { findSites } from "./mutations/sites.ts";

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

const { killed, survivors } = await search(findSites(), tell);
for (const { site, complaints } of survivors) {
  tell(`no test holds ${site.file}, ${site.within}: ${site.finding}`);
  complaints.forEach((complaint) => {
    tell(`  ${complaint}`);
  });
}
if (survivors.length > 0) {
  process.exitCode = 1;
} else {
  writePage(withTable(readPage(), killed.map(rowOf)));
}
