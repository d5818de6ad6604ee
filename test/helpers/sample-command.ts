#!/usr/bin/env bun
/** A small command for tests of the command line itself: `--do WHAT` says how it behaves. */

import { writeFileSync } from "node:fs";
import {
  command,
  flag,
  main,
  nonEmpty,
  operand,
  option,
  optionalOperand,
  optionWithDefault,
  versionOf,
  wholeNumber,
} from "../../scripts/lib/cli.ts";
import { error, notice, Refusal, refusal, warning } from "../../scripts/lib/finding.ts";
import { runGit } from "../../scripts/lib/git/repository.ts";
import { run } from "../../scripts/lib/process.ts";
import { sleep } from "../../scripts/lib/sleep.ts";

const verdicts = ["PASS", "FAIL"];

export const table = command({
  name: "test/helpers/sample-command.ts",
  summary: "Behaves as it is told, for the tests of the command line.",
  operands: {
    version: operand("the version to behave for", versionOf("v"), "vX.Y.Z"),
    verdict: operand("PASS or FAIL", (text) => {
      if (!verdicts.includes(text)) {
        throw new SyntaxError(`expected PASS or FAIL, found ${JSON.stringify(text)}`);
      }
      return text;
    }),
    note: optionalOperand("anything", nonEmpty),
  },
  options: {
    append: optionWithDefault("LEDGER", "append to a ledger", nonEmpty, "the default ledger"),
    maxAgeDays: option("N", "an age in days", wholeNumber(1, 99999)),
    do: option("WHAT", "how to behave", nonEmpty),
    dryRun: flag("change nothing"),
  },
  refuses: ["it is told to"],
  example: "bun test/helpers/sample-command.ts v1.2.3 PASS",
  async run(invocation) {
    const { report, interrupt, options, operands, terminal } = invocation;
    const [what = "pass", argument = ""] = options.do?.split("=", 2) ?? [];
    const started = () => terminal.err("started\n");
    switch (what) {
      case "pass":
        report.add(notice(`${operands.version} passes`));
        break;
      case "options":
        report.attach({ operands: { ...operands }, options: { ...options } });
        report.print(`cwd ${invocation.cwd} now ${invocation.now.toISOString()}`);
        break;
      case "findings":
        report.add([
          notice("a notice"),
          warning("a warning", { remedy: "look at it" }),
          error("an error", {
            remedy: "do this",
            at: { file: "a/b.toml", line: 3, column: 5 },
            commit: "0123456789abcdef0123456789abcdef01234567",
          }),
        ]);
        report.printAside("told");
        report.print("said");
        break;
      case "hostile":
        report.print(argument);
        report.printAside(argument);
        report.add([
          notice(argument),
          warning(argument, { remedy: argument, at: { file: argument } }),
        ]);
        break;
      case "silence":
        break;
      case "warn":
        report.add(warning("only a warning"));
        break;
      case "tell":
        report.printAside("only told");
        break;
      case "say":
        report.print("only said");
        break;
      case "refuse":
        throw refusal("Cannot go on", { remedy: "Turn back" });
      case "refuse-silently":
        throw new Refusal([]);
      case "throw":
        throw new TypeError("undefined is not a function\nsecond line");
      case "throw-text":
        throw "a text";
      case "reject":
        void Promise.reject(new Error("nobody waits for me"));
        await Bun.sleep(10_000);
        break;
      case "uncaught":
        setTimeout(() => {
          throw new Error("nobody catches me");
        });
        await Bun.sleep(10_000);
        break;
      case "missing-program":
        await run(["no-such-program"], invocation);
        break;
      case "repository":
        report.print((await invocation.repository()).root);
        break;
      case "many-lines":
        for (let line = 0; line < 20_000; line++) {
          report.print(`line ${line} ${"x".repeat(40)}`);
        }
        break;
      case "question":
        report.print(
          `answer ${JSON.stringify(await terminal.question("sure? ", interrupt.signal))}`,
        );
        break;
      case "interactive":
        report.print(`interactive ${terminal.interactive}`);
        break;
      case "wait":
        started();
        await sleep(10_000, interrupt.signal);
        break;
      case "wait-deaf":
        started();
        await Bun.sleep(10_000);
        break;
      case "git":
      case "busy-git": {
        const repository = await invocation.repository();
        const waiting = runGit(repository, ["-c", "alias.wait=!sleep 10", "wait"]);
        started();
        Bun.sleepSync(what === "git" ? 0 : 500);
        throw refusal(`Cannot wait: git ended with exit code ${(await waiting).code}`);
      }
      case "hold":
        await interrupt.hold(async () => {
          started();
          await Bun.sleep(400);
          writeFileSync(argument, "held to the end\n");
        });
        report.print(`requested ${interrupt.requested} signal ${interrupt.signal.aborted}`);
        break;
      case "hold-tell":
        await interrupt.hold(async () => {});
        report.print("said");
        throw refusal("refused");
      case "late-question":
        terminal.out("typing\n");
        await Bun.sleep(400);
        report.print(
          `answer ${JSON.stringify(await terminal.question("sure? ", interrupt.signal))}`,
        );
        break;
      case "hold-reject":
        await interrupt.hold(async () => {
          void Promise.reject(new Error("nobody waits for me"));
          await Bun.sleep(100);
          writeFileSync(argument, "held to the end\n");
        });
        await Bun.sleep(10_000);
        break;
      default:
        throw new Error(`no such behaviour: ${what}`);
    }
  },
});

if (import.meta.main) {
  await main(table);
}
