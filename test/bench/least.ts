/**
 * The least that a check does, whatever it checks: a script of two modules finds the top level with
 * one question to git, and reads one file. No check can take less.
 *
 * Usage: bun test/bench/least.ts FILE
 */

import { readAtTop } from "./least-read.ts";

process.exitCode = (await readAtTop(process.argv[2] ?? "")).length > 0 ? 0 : 1;
