/** Gates: named questions that must all be answered with evidence before anything is mutated. */

import { attempt, error, type Finding, isPass, warning } from "../lib/finding.ts";

/** A question about a context `C`, which passes only with evidence. */
export interface Gate<C> {
  /** What is asked, as a short label without a full stop. */
  readonly title: string;
  /** The sentence that records a bypass the operator asked for, or undefined if there is none. */
  bypass?(context: C): string | undefined;
  check(context: C): Promise<readonly Finding[]>;
}

/** What one gate said. */
export interface GateResult {
  readonly title: string;
  readonly outcome: "passed" | "refused" | "bypassed";
  readonly findings: readonly Finding[];
  /** What was bypassed, and by which option; only where the outcome is `bypassed`. */
  readonly bypass?: string;
}

/** Asks every gate, all at once; the answers come back in the order of the gates. */
export function askGates<C>(gates: readonly Gate<C>[], context: C): Promise<GateResult[]> {
  return Promise.all(gates.map((gate) => ask(gate, context)));
}

async function ask<C>(gate: Gate<C>, context: C): Promise<GateResult> {
  const { title } = gate;
  const bypass = gate.bypass?.(context);
  if (bypass !== undefined) {
    const loud = warning(`BYPASSED: ${bypass}`, {
      remedy:
        "The signed tag will say so: go on only if you know by other means what it would have told",
    });
    return { title, outcome: "bypassed", findings: [loud], bypass };
  }
  const answer = await attempt(() => gate.check(context));
  const findings = answer.findings ?? answer.value;
  if (findings.every(({ level }) => level === "warning")) {
    const silent = error(`Cannot pass gate ${JSON.stringify(title)}: it gave no evidence`);
    return { title, outcome: "refused", findings: [...findings, silent] };
  }
  return { title, outcome: isPass(findings) ? "passed" : "refused", findings };
}
