#!/usr/bin/env bun
/**
 * Releases a version as one fail-closed command: steps 5 and 6 of perf-sentinel's release procedure,
 * which comments call PROCEDURE. `release` in release/flow.ts runs these stages:
 *
 * - the pre-checks (release/prechecks.ts) and, at the same time, the gates that this file lists;
 * - sign the tag (release/sign.ts);
 * - show the plan (release/plan.ts), and ask the operator to confirm it;
 * - make the local tag, push main, push the tag (release/publish.ts);
 * - print the next steps.
 *
 * Usage: bun scripts/release.ts vX.Y.Z [--dry-run] [--yes] [--skip-lab] [--strict] [--resume] [--atomic] [--watch] [--verbose]
 *
 * A candidate for the lab, vX.Y.Z-rc.N, is released from its pushed release branch: only its tag is
 * pushed, and the lab gate does not apply.
 *
 * Refuses when a pre-check or a gate refuses or cannot be answered, and when the operator does not
 * confirm: nothing is changed then, here or on the remote. If a push fails, main may have landed, and
 * the output says what is left where and how to go on. Stale embedded reference data (vintages) is a
 * warning; so are stale version references that PROCEDURE leaves to the operator, and an empty section
 * of the changelog, which --strict refuses. --watch follows the tag's workflow run after the release.
 *
 * Exit codes: 0 released, or the dry run passed; 1 refused, a push failed, or the watched run failed or
 * could not be watched; 2 wrong command line; 130 interrupted.
 */

import {
  checkDrift,
  checkLabValidation,
  defaultQuestion,
  findLabValidation,
  type LabQuestion,
  labEvidence,
} from "../release-gate/check-lab-validation.ts";
import { checkOperatorReferences } from "./check-references.ts";
import { judgeTagVersion, otherVersion } from "./check-tag-version.ts";
import { findStaleVintages } from "./check-vintages.ts";
import { type Day, dayOf } from "./lib/calendar.ts";
import { command, flag, main, operand, verboseOption } from "./lib/cli.ts";
import { UsageError } from "./lib/command-line.ts";
import { workTree } from "./lib/disk/work-tree.ts";
import { readWorkspace } from "./lib/files/cargo.ts";
import { readChart } from "./lib/files/chart.ts";
import { labCommand } from "./lib/files/ledger.ts";
import { attempt, detail, type Finding, notice, together, warning } from "./lib/finding.ts";
import { readBaseBranch } from "./lib/git/checkout.ts";
import { has, layout } from "./lib/layout.ts";
import { bases, releaseBranch } from "./lib/release-branch.ts";
import { finalOf, isCandidate, type Version } from "./lib/version.ts";
import {
  type Gate,
  type Procedure,
  release,
  sumUp,
  type Target,
  type Verdict,
} from "./release/flow.ts";
import { bypassRecords, versionOfKind } from "./release/plan.ts";

const script = "scripts/release.ts";

/**
 * Returns the gates and rules of an application release.
 *
 * @param candidateGate Takes the place of the lab gate; undefined unless the version is a candidate.
 * @param base Main, or the listed branch that takes its place.
 */
function releaseProcedure(
  version: Version,
  today: Day,
  { skipLab, strict, atomic }: Readonly<Record<"skipLab" | "strict" | "atomic", boolean>>,
  ledgerVariable: string | undefined,
  candidateGate: Gate | undefined,
  base: string,
): Procedure {
  const ignored = warning(`LEDGER is set and ignored: only the committed ${layout.ledger} counts`, {
    remedy: "Unset LEDGER, or commit the row to the ledger of this repository",
  });
  const branch = releaseBranch(version);
  return {
    script,
    options: [skipLab && "--skip-lab", strict && "--strict", atomic && "--atomic"].filter(
      (option) => option !== false,
    ),
    tagPrefix: layout.tagPrefix,
    branch: candidateGate ? branch : base,
    pushesMain: candidateGate === undefined,
    mergedBranch: candidateGate || base === branch ? undefined : branch,
    gates: [
      versionGate,
      ...(strict ? [strictGate] : []),
      candidateGate ?? (has.labGate ? labGate(today, skipLab) : noLabGate),
    ],
    async cautions({ tree, findLast }) {
      const [advised, stale] = await together(
        strict ? [] : checkOperatorReferences("advised")(tree, version, findLast),
        findStaleVintages(tree, today),
      );
      return [...(ledgerVariable && has.labGate ? [ignored] : []), ...advised, ...stale];
    },
    async nextSteps({ tag, tree }) {
      const verify = `see what the tag triggered: bun scripts/verify-release.ts ${tag} --wait`;
      if (candidateGate) {
        const lab = labCommand(`${layout.tagPrefix}${finalOf(version)}`);
        const pin = `when the image is published, pin the lab to it: ${lab}`;
        return has.labGate ? [verify, pin] : [verify];
      }
      if (!has.chart) {
        return [verify];
      }
      const { value: chart } = await attempt(() => readChart(tree, layout.chart));
      const chartTag = `${layout.chartTagPrefix}${chart?.version.value ?? "A.B.C"}`;
      const release = `bun scripts/release-chart.ts ${chartTag}`;
      return [verify, `when the image is published (typically 5-10 minutes): ${release}`];
    },
  };
}

const strictGate: Gate = {
  title: "operator-driven references",
  check: async ({ tree, version, findLast }) => ({
    findings: await checkOperatorReferences("required")(tree, version, findLast),
  }),
};

const versionGate: Gate = {
  title: "version references",
  async check({ tree, version }) {
    const workspace = await readWorkspace(tree);
    const findings = sumUp("version references", judgeTagVersion(workspace, version));
    // The lab gate and the other references would judge a version that is not the commit's.
    return { findings, explainsGates: otherVersion(workspace, version) !== undefined };
  },
};

const noLab = "Lab-validation: none is configured";

/** Takes the place of the lab gate where the layout has no lab or no ledger: the tag says so. */
const noLabGate: Gate = {
  title: "lab validation",
  check: async () => ({ findings: [notice(noLab)], trailers: [noLab] }),
};

function labGate(today: Day, skipLab: boolean): Gate {
  return {
    title: "lab validation",
    bypass: skipLab ? bypassRecords["--skip-lab"] : undefined,
    async check(target) {
      const { tree, repository, commit, version } = target;
      // Only the ledger of the commit counts, at the age that PROCEDURE step 5 accepts.
      const question = { ...defaultQuestion, version, today };
      const [findings, validation] = await Promise.all([
        checkLabValidation(tree, question),
        findLabValidation(tree, question),
      ]);
      if (validation === undefined) {
        return await addRemedy(findings, target, question);
      }
      const { ledger } = question;
      const { tag, line } = validation.entry;
      const drift = await checkDrift(repository, { tag, ledger, line, commit });
      const rows = drift.map((each) => (each.level === "notice" ? detail(each.message) : each));
      return { findings: [...findings, ...rows], trailers: [labEvidence(validation)] };
    },
  };
}

/** Returns the refusal; if an uncommitted ledger holds the PASS, with the remedy to commit it. */
async function addRemedy(
  findings: readonly Finding[],
  { repository, tag }: Target,
  question: LabQuestion,
): Promise<Verdict> {
  const { ledger } = question;
  const { value } = await attempt(() => findLabValidation(workTree(repository.root), question));
  if (value === undefined) {
    return { findings };
  }
  const remedy = `Commit the PASS at line ${value.entry.line}, which is not committed: git add ${ledger} && git commit --message "Record the lab validation of ${tag}" ${ledger}`;
  const refused = findings.map((each) => (each.level === "error" ? { ...each, remedy } : each));
  return { findings: refused, isUncommitted: true };
}

export const table = command({
  name: script,
  summary: "Releases a version: checks everything, signs the tag, pushes main and the tag.",
  operands: {
    tag: operand(
      "the version to release, as vX.Y.Z or X.Y.Z",
      versionOfKind(layout.tagPrefix, layout.chartTagPrefix, "scripts/release-chart.ts"),
    ),
  },
  options: {
    dryRun: flag("check everything, signing included, and change nothing"),
    yes: flag("do not ask for confirmation"),
    skipLab: flag("bypass the lab validation gate; the signed tag records it"),
    strict: flag(
      "refuse stale version references, and an empty changelog section, that are otherwise warnings",
    ),
    resume: flag("finish a release that was interrupted after its tag was signed"),
    atomic: flag("push main and the tag together or not at all"),
    verbose: verboseOption,
    watch: flag(
      `follow the workflow run of the tag to its end (${layout.watchMinutes} minutes at most)`,
    ),
  },
  refuses: [
    "the release branch of the version exists, here or on the remote, and is not merged",
    `HEAD is not on ${bases} (a candidate vX.Y.Z-rc.N: on its pushed release branch), the working tree is dirty, or a merge is under way`,
    `the commit is behind ${layout.remote}/${layout.mainBranch} or has diverged from it`,
    `the tag exists here or on ${layout.remote} (an interrupted run: --resume)`,
    "no signing identity can sign, proven by signing",
    "a version reference disagrees with the tag (check-tag-version)",
    "CHANGELOG.md has no heading for the version, if that is final",
    "with --strict: any other version reference is stale, or the changelog's section is empty (check-references)",
    "the lab validation is missing or too old (check-lab-validation)",
    "any of these questions stays without an answer",
    "with --watch: the version is released, but its workflow run fails or cannot be watched",
  ],
  example: `bun ${script} v1.2.3 --dry-run`,
  async run(invocation) {
    const { operands, options, env, now, report } = invocation;
    if (options.watch && options.dryRun) {
      throw new UsageError("--watch follows a release, and --dry-run makes none: give one of them");
    }
    const { tag: version } = operands;
    if (options.skipLab && !has.labGate) {
      throw new UsageError("--skip-lab has no meaning: the layout has no lab gate");
    }
    if (isCandidate(version) && (options.skipLab || options.atomic)) {
      const name = options.skipLab ? "--skip-lab" : "--atomic";
      throw new UsageError(
        `${name} has no meaning for a candidate, which has no lab gate and pushes only its tag`,
      );
    }
    const candidateGate = isCandidate(version)
      ? (await import("./release/candidate.ts")).candidateGate
      : undefined;
    const repository = await invocation.repository();
    const base = await readBaseBranch(repository);
    const today = dayOf(now);
    const procedure = releaseProcedure(version, today, options, env.LEDGER, candidateGate, base);
    // Loaded now: once somebody has switched branches, the import would read the other branch's file.
    const watcher = options.watch ? await import("./release/wait.ts") : undefined;
    const released = await release(invocation, procedure, version, options);
    if (released === undefined || watcher === undefined) {
      return;
    }
    const { run, finding } = await watcher.watchRun({ world: invocation, repository }, released);
    report.attach({ ...released, run: { ...run } });
    report.add(finding);
  },
});

if (import.meta.main) {
  await main(table);
}
