/**
 * The least that a check does: a script of two modules asks git so many questions, one after the
 * other, and reads files, each by the runtime's own parser. A check that needs the answers and the
 * files cannot take less.
 *
 * Usage: bun test/bench/least.ts QUESTIONS FILE...
 */

import { readFilesAtTop } from "./least-read.ts";

const [questions, ...files] = process.argv.slice(2);

await readFilesAtTop(Number(questions), files);
