#!/usr/bin/env bun
/**
 * Puts these scripts into a checkout of the product, brings a copy up to date, or tells whether it is.
 *
 * Usage: bun scripts/adopt.ts DIR [--check]
 *
 * Writes `scripts/`, `scripts/lib/` and the commands of `release-gate/`: never the ledger, and no
 * file that it did not write itself, unless that is unchanged since. `scripts/adopted.json` keeps
 * the hashes by which it knows. All files are written or none.
 *
 * Refuses when a file was edited here and has changed upstream as well, or was never adopted. With
 * --check nothing is written, and a copy that is stale, edited or incomplete is refused; an edited
 * `scripts/lib/layout.ts` is as it should be. A copy can check itself: DIR is then its own folder.
 *
 * Exit codes: 0 adopted or current, 1 refused, 2 wrong command line, 130 interrupted (143 by
 * SIGTERM, 129 by SIGHUP).
 */

import { relative, resolve, sep } from "node:path";
import { type Adoption, compareCopy } from "./adopt/comparison.ts";
import { type Copy, ignoredAmong, openCopy, takeAgain, writeCopy } from "./adopt/copy.ts";
import { hashesOf, manifestPath, manifestText, type Origin } from "./adopt/manifest.ts";
import { type Fate, isChange, isInTheWay, layoutPath, type Step } from "./adopt/plan.ts";
import { readUpstream, type Upstream } from "./adopt/upstream.ts";
import { command, flag, main, nonEmpty, operand } from "./lib/cli.ts";
import { findFile, realPath } from "./lib/disk/files.ts";
import { workTree } from "./lib/disk/work-tree.ts";
import { error, type Finding, notice, refusal, shellWord, warning } from "./lib/finding.ts";
import { short } from "./lib/git/git.ts";
import { Interrupted } from "./lib/interrupt.ts";
import type { Json, Report } from "./lib/report.ts";

/** What keeps a copy from being current, and what is said about it. */
const staleness: Readonly<Partial<Record<Fate, string>>> = {
  new: "is missing: it is new upstream",
  updated: "is stale: it changed upstream",
  restored: "is missing",
  "run bit": "cannot be run: its run bit is missing",
  removed: "is stale: it is gone upstream",
  forgotten: "is on record, and gone here and upstream",
  edited: "is edited here",
  conflict: "is edited here, and has changed upstream since",
  foreign: "is not what any adoption wrote",
};

/** Judges whether a copy is current: an edited layout is, anything else that differs is not. */
export function checkCopy(adoption: Adoption, adopt: string): Finding[] {
  const { copy, manifest, steps } = adoption;
  if (manifest === undefined) {
    const path = copy.pathOf(manifestPath);
    return [
      error(`Cannot call the copy current: ${path} is missing, so nothing was adopted here`, {
        remedy: `Adopt: ${adopt}; or take it from git again: ${takeAgain(copy)}`,
      }),
    ];
  }
  const findings = steps.flatMap(({ path, fate }) => {
    const words = staleness[fate];
    const file = copy.pathOf(path);
    if (words === undefined) {
      return [];
    }
    if (fate === "edited" && path === layoutPath) {
      return [notice(`${file} is edited here, as it may be`, { at: { file } })];
    }
    const remedy =
      fate === "edited" || isInTheWay({ path, fate })
        ? wayOut(copy, path, adopt)
        : `Adopt again: ${adopt}`;
    return [error(`Cannot call the copy current: ${file} ${words}`, { at: { file }, remedy })];
  });
  const isCurrent = findings.every(({ level }) => level === "notice");
  return isCurrent ? [...findings, currentNotice(adoption)] : findings;
}

/** The way out that works for every edit: nothing of it is lost, and the next run writes anew. */
function wayOut({ wordOf }: Copy, path: string, adopt: string): string {
  return `Set yours aside: mv ${wordOf(path)} ${wordOf(`${path}.mine`)}; adopt again: ${adopt}; then bring what you need of yours into the new file, or upstream`;
}

function currentNotice({ upstream, manifest, steps }: Adoption): Finding {
  const origin = upstream === undefined ? manifest : upstream;
  const words = upstream === undefined ? "as it was adopted" : "current";
  const files = steps.filter(({ fate }) => fate !== "removed" && fate !== "forgotten");
  return notice(`The copy is ${words}: ${countOf(files.length)} of ${originWords(origin)}`);
}

function originWords(origin: Origin | undefined): string {
  const commit = origin?.commit === undefined ? "" : ` (commit ${short(origin.commit)})`;
  return `version ${origin?.version}${commit}`;
}

function countOf(count: number): string {
  return count === 1 ? "1 file" : `${count} files`;
}

/**
 * What stands against an adoption, every file of it.
 *
 * @param adopt The command that adopts again.
 * @param tools The folder of the release tools, as a shell takes it.
 */
export function checkWay(adoption: Adoption, adopt: string, tools: string): Finding[] {
  const { copy, steps, manifest, upstream } = adoption;
  return steps.filter(isInTheWay).map(({ path, fate }) => {
    const file = copy.pathOf(path);
    const { commit } = manifest ?? {};
    const history =
      fate === "conflict" && commit !== undefined && upstream?.commit !== undefined
        ? `; what changed upstream: git -C ${tools} diff ${short(commit)} ${short(upstream.commit)} -- ${path}`
        : "";
    return error(`Cannot adopt: ${file} ${staleness[fate]}`, {
      at: { file },
      remedy: `${wayOut(copy, path, adopt)}${history}`,
    });
  });
}

/** What stays although it is not as adopted, or deserves a look. */
async function adviceOn({ copy, steps, upstream }: Adoption): Promise<Finding[]> {
  const kept = steps
    .filter(({ fate }) => fate === "edited")
    .map(({ path }) => {
      const file = copy.pathOf(path);
      const words = `${file} is edited here, and not upstream since: it stays`;
      return path === layoutPath
        ? notice(words, { at: { file } })
        : warning(words, { at: { file }, remedy: "Bring the edit upstream, or undo it" });
    });
  const [ignored = "", ...more] = await ignoredAmong(copy, [
    manifestPath,
    ...steps.map(({ path }) => path),
  ]);
  const others = more.length === 0 ? "" : ` and ${countOf(more.length)} more`;
  return [
    ...kept,
    ...(ignored === ""
      ? []
      : [
          warning(
            `git ignores ${copy.pathOf(ignored)}${others}: what is not committed is not in CI`,
            {
              at: { file: copy.pathOf(ignored) },
              remedy: `Mend the rule that ${copy.git} check-ignore -v ${ignored} names`,
            },
          ),
        ]),
    ...changedUpstream(upstream),
    ...(await legacyScripts(copy, steps)),
  ];
}

function changedUpstream(upstream: Upstream | undefined): Finding[] {
  const [first, ...more] = upstream?.changed ?? [];
  const others = more.length === 0 ? "" : ` and ${countOf(more.length)} more`;
  return first === undefined
    ? []
    : [
        warning(
          `The release tools are not as committed: ${first}${others}; no commit is recorded`,
          {
            remedy: "Adopt from a clean checkout, so that the copy says where it comes from",
          },
        ),
      ];
}

/** The shell scripts that the procedure had before, which nobody but the product may remove. */
async function legacyScripts({ folder, pathOf }: Copy, steps: readonly Step[]): Promise<Finding[]> {
  const tree = workTree(folder);
  const found = await Promise.all(["scripts/*.sh", "release-gate/*.sh"].map(tree.list));
  const adopted = new Set(steps.map(({ path }) => path));
  return found.flat().flatMap((path) => {
    const successor = path.replace(/\.sh$/, ".ts");
    return adopted.has(successor)
      ? [notice(`${pathOf(path)} is left as it is; ${pathOf(successor)} takes its place`)]
      : [];
  });
}

export const table = command({
  name: "scripts/adopt.ts",
  summary: "Puts these scripts into a checkout of the product, and keeps the copy up to date.",
  operands: {
    folder: operand(
      "the product's checkout, or a folder in it, that holds the copy",
      nonEmpty,
      "DIR",
    ),
  },
  options: {
    check: flag("write nothing; tell whether the copy is current, and what was edited"),
  },
  refuses: [
    "DIR is in no git work tree; or it is in this checkout, and would be written",
    "a file was edited there and has changed upstream, or was never adopted",
    "a symbolic link, a folder or the like stands where a file belongs",
    "with --check: a file of the copy is stale, edited or missing, or its manifest is",
  ],
  example: "bun scripts/adopt.ts ../perf-sentinel",
  withoutRepo: true,
  async run({ operands, options, cwd, env, interrupt, report }) {
    const tools = realPath(resolve(import.meta.dir, ".."));
    const copy = await openCopy(operands.folder, cwd, env, interrupt.signal);
    refuseWrongPair(copy, tools, options.check);
    const isItself = copy.folder === tools;
    const upstream = isItself ? undefined : await readUpstream(tools, env, interrupt.signal);
    const adoption = await compareCopy(copy, upstream);
    const from = isItself ? "TOOLS" : shellWord(relative(cwd, tools) || ".");
    const folder = copy.wordOf(".");
    const adopt = `bun ${from}/scripts/adopt.ts ${folder}`;
    if (options.check) {
      report.attach(dataOf(adoption, false));
      report.add(checkCopy(adoption, adopt));
      return;
    }
    const inTheWay = checkWay(adoption, adopt, from);
    if (inTheWay.length > 0) {
      report.attach(dataOf(adoption, false));
      report.add(inTheWay);
      report.tell("Nothing was written.");
      return;
    }
    const contents = contentsOf(adoption);
    const isInterrupted = () => interrupt.requested;
    const outcome =
      contents.size === 0
        ? "changed"
        : await interrupt.hold(() => writeCopy(copy, contents, adoption.here, isInterrupted));
    if (outcome === "interrupted") {
      throw new Interrupted("every file is as it was before", interrupt.exitCode);
    }
    report.attach(dataOf(adoption, contents.size > 0));
    showSteps(adoption, report);
    report.add(await adviceOn(adoption));
    report.add(currentNotice(adoption));
    if (contents.size > 0) {
      report.say(`Next: git -C ${folder} add scripts release-gate, and commit that`);
    }
  },
});

/**
 * Refuses a folder that is no copy of other release tools, and release tools that are a copy.
 *
 * @param tools The folder of the release tools that run, without links.
 * @throws {Refusal} If there is nothing to adopt from one to the other.
 */
function refuseWrongPair({ folder, repository }: Copy, tools: string, isCheck: boolean): void {
  const isCopy = findFile(tools, manifestPath, { links: "none" }) !== undefined;
  const isWithin = (outer: string, inner: string) => `${inner}${sep}`.startsWith(`${outer}${sep}`);
  if (isWithin(tools, folder) && !(repository.root !== tools && isWithin(tools, repository.root))) {
    if (isCopy && isCheck && folder === tools) {
      return;
    }
    throw refusal(`Cannot adopt into ${folder}: these scripts are in that very checkout`, {
      remedy: isCopy
        ? "Run adopt.ts of a checkout of the release tools; a copy can only check itself, with --check"
        : "Name a checkout of the product",
    });
  }
  if (isCopy) {
    throw refusal(`Cannot adopt from ${tools}: it is a copy itself (${manifestPath})`, {
      remedy: "Run adopt.ts of a checkout of the release tools",
    });
  }
}

/** What is to be written, the manifest last: as long as it is the old one, a next run can finish. */
export function contentsOf({
  steps,
  upstream,
  manifest,
}: Adoption): Map<string, Uint8Array | undefined> {
  const contents = new Map<string, Uint8Array | undefined>(
    steps.filter(isChange).map(({ path }) => [path, upstream?.files.get(path)]),
  );
  if (upstream !== undefined) {
    const files = hashesOf(upstream.files);
    if (contents.size > 0 || manifest === undefined || !isSame(files, manifest.files)) {
      const text = manifestText({ version: upstream.version, commit: upstream.commit, files });
      contents.set(manifestPath, new TextEncoder().encode(text));
    }
  }
  return contents;
}

function isSame(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([path, hash]) => b.get(path) === hash);
}

/** One line for every file that was written or removed. */
function showSteps({ copy, steps, manifest }: Adoption, report: Report): void {
  const changes = steps.filter(isChange);
  const width = Math.max(0, ...changes.map(({ fate }) => fate.length));
  for (const { path, fate } of changes) {
    report.say(`${fate.padEnd(width)}  ${copy.pathOf(path)}`);
  }
  const unchanged = countOf(steps.filter(({ fate }) => fate === "current").length);
  if (manifest !== undefined) {
    report.say(`It was ${originWords(manifest)}; ${unchanged} unchanged`);
  }
}

function dataOf({ copy, manifest, upstream, steps }: Adoption, isWritten: boolean): Json {
  const originOf = (origin: Origin | undefined) =>
    origin && { version: origin.version, commit: origin.commit };
  return {
    folder: copy.folder,
    written: isWritten,
    adopted: originOf(manifest),
    upstream: originOf(upstream),
    files: steps.map(({ path, fate }) => ({ path: copy.pathOf(path), fate })),
  };
}

if (import.meta.main) {
  await main(table);
}
