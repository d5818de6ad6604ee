#!/usr/bin/env bun
/**
 * Copies these scripts into a checkout of the product, updates a copy, or checks whether it is current.
 *
 * Usage: bun scripts/adopt.ts DIR [--check] [--verbose]
 *
 * Writes `scripts/`, `scripts/lib/` and the commands of `release-gate/`, all files or none. Never writes
 * the ledger, and replaces only files that it wrote itself and that were not edited since:
 * `scripts/adopted.json` has their hashes.
 *
 * Refuses if a file was edited in the copy and has changed upstream as well, or was never adopted. With
 * --check writes nothing, and refuses a copy that is stale, edited or incomplete. `scripts/layout.ts` is
 * the fork's own: it is written once, and then never touched or judged. A copy can check itself: DIR is
 * then its own folder.
 *
 * Exit codes: 0 adopted or current, 1 refused, 2 wrong command line, 130 interrupted (143 by
 * SIGTERM, 129 by SIGHUP).
 */

import { relative, resolve, sep } from "node:path";
import {
  type Adoption,
  type Copy,
  changesOf,
  compareCopy,
  type Fate,
  ignoredAmong,
  isChange,
  type Manifest,
  manifestPath,
  openCopy,
  ownLayout,
  readUpstream,
  restoreManifest,
  type Step,
} from "./adopt/copy.ts";
import { command, flag, main, nonEmpty, operand, verboseOption } from "./lib/cli.ts";
import { changeFiles } from "./lib/disk/change-files.ts";
import { findFile, realPath } from "./lib/disk/files.ts";
import { workTree } from "./lib/disk/work-tree.ts";
import { detail, error, type Finding, notice, refusal, shellWord, warning } from "./lib/finding.ts";
import { short } from "./lib/git/git.ts";
import { Interrupted } from "./lib/interrupt.ts";
import type { Json, Report } from "./lib/report.ts";

/** The file that forks edited before they had a file of their own. */
const layoutPath = "scripts/lib/layout.ts";

export const table = command({
  name: "scripts/adopt.ts",
  summary: "Copies these scripts into a checkout of the product, or updates the copy.",
  operands: {
    folder: operand(
      "the product's checkout, or a folder in it, that holds the copy",
      nonEmpty,
      "DIR",
    ),
  },
  options: {
    check: flag("write nothing; check whether the copy is current, and name the edited files"),
    verbose: verboseOption,
  },
  refuses: [
    "DIR is in no git work tree, or in the checkout of these scripts",
    "a file was edited in the copy and has changed upstream, or was never adopted",
    "the path of a file is a symbolic link, a folder or the like",
    "with --check: a file of the copy is stale, edited or missing, or the manifest is missing",
  ],
  example: "bun scripts/adopt.ts ../perf-sentinel",
  withoutRepo: true,
  async run({ operands, options, cwd, env, interrupt, report }) {
    const tools = realPath(resolve(import.meta.dir, ".."));
    const copy = await openCopy(operands.folder, cwd, env, interrupt.signal);
    const isSelf = refuseWrongPair(copy, tools, options.check);
    const upstream = isSelf ? undefined : await readUpstream(tools, env, interrupt.signal);
    const adoption = await compareCopy(copy, upstream);
    const from = isSelf ? "TOOLS" : shellWord(relative(cwd, tools) || ".");
    const adopt = `bun ${from}/scripts/adopt.ts ${copy.wordOf(".")}`;
    const edits = editsOf(adoption, options.check, adopt, from);
    if (options.check || edits.some(({ level }) => level === "error")) {
      reportFates(report, adoption, false);
      report.add(options.check ? checkCopy(adoption, edits, adopt) : edits);
      if (!options.check) {
        report.printAside("Nothing was written.");
      }
      return;
    }
    const changes = changesOf(adoption);
    const outcome = await interrupt.hold(() =>
      changeFiles(
        copy.repository.root,
        () => changes,
        () => interrupt.requested,
      ),
    );
    if (outcome === "interrupted") {
      throw new Interrupted("every file is as it was before", interrupt.exitCode);
    }
    reportFates(report, adoption, changes.length > 0);
    report.add([...edits, ...(await remarksOn(adoption)), currentNotice(adoption)]);
    if (changes.length > 0) {
      const add = `git -C ${copy.wordOf(".")} add scripts release-gate, and commit that`;
      report.print(`Next: ${add}`);
      if (changes.some(({ path }) => path === copy.pathOf(ownLayout))) {
        report.print(`A fork first sets its own values in ${copy.pathOf(ownLayout)}`);
      }
    }
  },
});

/**
 * Returns whether a copy checks itself. A copy can do nothing else.
 *
 * @param tools The folder of the running release tools, without links.
 * @throws {Refusal} If the tools are a copy, or DIR is in their own checkout.
 */
function refuseWrongPair({ folder, repository }: Copy, tools: string, isCheck: boolean): boolean {
  const remedy = "Run adopt.ts of a checkout of the release tools";
  if (findFile(tools, manifestPath, { links: "none" }) !== undefined) {
    if (isCheck && folder === tools) {
      return true;
    }
    throw refusal(`Cannot adopt from ${tools}: it is a copy itself (${manifestPath})`, {
      remedy: `${remedy}; a copy can only check itself, with --check`,
    });
  }
  const isWithin = (outer: string, inner: string) => `${inner}${sep}`.startsWith(`${outer}${sep}`);
  if (isWithin(repository.root, tools) && isWithin(tools, folder)) {
    throw refusal(`Cannot adopt into ${folder}: these scripts are in the same checkout`, {
      remedy: "Name a checkout of the product",
    });
  }
  return false;
}

/**
 * Returns a finding for each kind of file that was edited in the copy, or never adopted, with its files.
 * It is an error if the adoption or the check must refuse it. All errors but that of an older layout have
 * the same remedy.
 *
 * @param adopt The command that adopts again.
 * @param tools The folder of the release tools, as a shell reads it.
 */
function editsOf(
  { copy, here, steps, manifest, upstream }: Adoption,
  isCheck: boolean,
  adopt: string,
  tools: string,
): Finding[] {
  const isOlder = manifest?.files.has(layoutPath) === true && !here.has(ownLayout);
  const isOldLayout = ({ path, fate }: Step) =>
    isOlder && path === layoutPath && (fate === "edited" || fate === "conflict");
  const pathsOf = (fate: Fate) =>
    steps.filter((step) => step.fate === fate && !isOldLayout(step)).map(({ path }) => path);
  const edited = pathsOf("edited");
  const conflicts = pathsOf("conflict");
  const own = conflicts.filter((path) => manifest?.files.has(path) !== true);
  const adopted = conflicts.filter((path) => !own.includes(path));
  const changed = adopted.filter((path) => upstream?.files.has(path));
  const removed = adopted.filter((path) => !changed.includes(path));
  const refused = [...(isCheck ? edited : []), ...own, ...changed, ...removed];

  const [from, to] = [manifest?.commit, upstream?.commit];
  const history =
    adopted.length > 0 && from !== undefined && to !== undefined
      ? `; what changed upstream: git -C ${tools} diff ${short(from)} ${short(to)} -- ${adopted.join(" ")}`
      : "";
  const [first = "", ...others] = refused;
  const move =
    others.length === 0
      ? `mv ${copy.wordOf(first)} ${copy.wordOf(`${first}.mine`)}`
      : `for file in ${refused.map(copy.wordOf).join(" ")}; do mv "$file" "$file.mine"; done`;
  const way = `Set yours aside: ${move}; adopt again: ${adopt}; then bring what you need of yours into the new version, or upstream${history}`;

  /** Returns a finding with the places of some files, or none without files. */
  function findingAt(make: typeof error, message: string, paths: string[], remedy?: string) {
    const [at, ...also] = paths.map((path) => ({ file: copy.pathOf(path) }));
    return at === undefined ? [] : make(message, { at, also, remedy });
  }
  const what = `Cannot ${isCheck ? "call the copy current" : "adopt"}`;
  const refuse = (paths: string[], words: string) =>
    findingAt(error, `${what}: found ${countOf(paths.length)} ${words}`, paths, way);
  const old = `${what}: found ${layoutPath} edited here, expected a fork's values in ${ownLayout}`;
  const moveLayout = `Move them: mv ${copy.wordOf(layoutPath)} ${copy.wordOf(ownLayout)}; adopt again: ${adopt}; then keep in ${ownLayout} only what differs`;
  const kept = `Kept as they are: ${countOf(edited.length)} edited here, and unchanged upstream`;
  return [
    findingAt(
      error,
      old,
      steps.filter(isOldLayout).map(({ path }) => path),
      moveLayout,
    ),
    isCheck
      ? refuse(edited, "edited here")
      : findingAt(warning, kept, edited, "Bring the edits upstream, or undo them"),
    refuse(own, "that adopt.ts did not write"),
    refuse(changed, "edited here, and changed upstream since"),
    refuse(removed, "edited here, and removed upstream since"),
  ].flat();
}

/** Returns errors unless the copy is current. */
function checkCopy(adoption: Adoption, edits: readonly Finding[], adopt: string): Finding[] {
  const { copy, manifest, steps } = adoption;
  const what = "Cannot call the copy current";
  if (manifest === undefined) {
    const found = `${copy.pathOf(manifestPath)} is missing, so nothing was adopted here`;
    const remedy = `Adopt: ${adopt}; or restore it from git: ${restoreManifest(copy)}`;
    return [error(`${what}: ${found}`, { remedy })];
  }
  const stale = steps.filter(isChange).map(({ path }) => copy.pathOf(path));
  if (stale.length > 0) {
    const found = `${countOf(stale.length)} stale, missing or not executable: ${namesOf(stale)}`;
    const details = { at: { file: stale[0] ?? "" }, remedy: `Adopt again: ${adopt}` };
    return [...edits, error(`${what}: found ${found}`, details)];
  }
  return edits.length === 0 ? [currentNotice(adoption)] : [...edits];
}

function currentNotice({ upstream, manifest, steps }: Adoption): Finding {
  const words = upstream === undefined ? "as it was adopted" : "current";
  const files = steps.filter(({ fate }) => fate !== "removed");
  return notice(
    `The copy is ${words}: ${countOf(files.length)} of ${originWords(upstream ?? manifest)}`,
  );
}

function originWords(origin: Manifest | undefined): string {
  const commit = origin?.commit === undefined ? "" : ` (commit ${short(origin.commit)})`;
  return `version ${origin?.version}${commit}`;
}

function countOf(count: number): string {
  return count === 1 ? "1 file" : `${count} files`;
}

/** Returns the first three paths and the number of the others. */
function namesOf(paths: readonly string[]): string {
  const more = paths.length - 3;
  return paths.slice(0, 3).join(", ") + (more > 0 ? ` and ${countOf(more)} more` : "");
}

/** Reports the number of files of each fate that occurs, then the fate of each file as a detail. */
function reportFates(report: Report, adoption: Adoption, isWritten: boolean): void {
  const { copy, manifest, steps } = adoption;
  const words: Readonly<Record<Fate, string>> = {
    stale: isWritten ? "written" : "to write",
    removed: isWritten ? "removed" : "to remove",
    current: "unchanged",
    edited: "edited here",
    conflict: "in conflict",
  };
  const counts = Object.entries(words)
    .map(([fate, word]) => [steps.filter((step) => step.fate === fate).length, word] as const)
    .filter(([count]) => count > 0)
    .map((each) => each.join(" "));
  const before = isWritten && manifest ? `; it was ${originWords(manifest)}` : "";
  report.attach(dataOf(adoption, isWritten));
  report.print(`Files: ${counts.join(", ")}${before}`);
  report.add(steps.map(({ path, fate }) => detail(`${copy.pathOf(path)}: ${words[fate]}`)));
}

/** Returns warnings about ignored files and uncommitted changes, and a notice of old shell scripts. */
async function remarksOn({ copy, steps, upstream }: Adoption): Promise<Finding[]> {
  const remarks: Finding[] = [];
  const paths = [manifestPath, ...steps.map(({ path }) => path)];
  const all = await ignoredAmong(copy, paths);
  const [ignored] = all;
  if (ignored !== undefined) {
    const files = all.map(copy.pathOf);
    remarks.push(
      ...files.map((file) => detail(`${file}: git ignores it`)),
      warning(`git ignores ${namesOf(files)}: CI does not get them`, {
        at: { file: copy.pathOf(ignored) },
        remedy: `Change the rule that this names: git -C ${copy.wordOf(".")} check-ignore -v ${ignored}`,
      }),
    );
  }
  const changed = upstream?.changed ?? [];
  if (changed.length > 0) {
    const found = `The release tools have uncommitted changes: ${namesOf(changed)}`;
    const remedy = "Adopt from a clean checkout, so that the manifest records its commit";
    remarks.push(warning(`${found}; no commit is recorded`, { remedy }));
  }
  const replaced = (await workTree(copy.folder).list("{scripts,release-gate}/*.sh"))
    .filter((path) => paths.includes(path.replace(/\.sh$/, ".ts")))
    .map(copy.pathOf);
  if (replaced.length > 0) {
    remarks.push(notice(`Left as they are, and replaced by these: ${replaced.join(", ")}`));
  }
  return remarks;
}

function dataOf({ copy, manifest, upstream, steps }: Adoption, isWritten: boolean): Json {
  const originOf = (origin: Manifest | undefined) =>
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
