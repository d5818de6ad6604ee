/** What a job waits for: every job waits for the success of the first one. */

import { type Finding, notice, quote } from "../lib/finding.ts";
import { breach } from "./breach.ts";
import { outlivesFailure } from "./condition.ts";
import { type Job, placeOf, type Workflow } from "./workflow.ts";

/** Judges that every other job needs `first`, directly or through others, and its success. */
export function checkNeeds(workflow: Workflow, first: Job): Finding[] {
  const { document, jobs } = workflow;
  const { file } = document.source.place();
  const byId = new Map(jobs.map((job) => [job.id, job]));
  const others = jobs.filter((job) => job !== first);

  /** Every job that must end before a job starts. */
  function before(job: Job): Set<string> {
    const found = new Set<string>();
    const open = [job];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      for (const { id } of next.needs) {
        const needed = byId.get(id);
        if (needed !== undefined && !found.has(id)) {
          found.add(id);
          open.push(needed);
        }
      }
    }
    return found;
  }

  function judgeUnknown({ id, needs }: Job): Finding[] {
    return needs
      .filter((need) => !byId.has(need.id))
      .map((need) =>
        breach(file, `job ${quote(id)} in need of ${quote(need.id)}`, "the name of a job", {
          at: placeOf(document, need.path),
          remedy: `Name a job of ${file} in needs`,
        }),
      );
  }

  function judgeJob(job: Job): Finding[] {
    const shown = `job ${quote(job.id)}`;
    const earlier = before(job);
    const at = placeOf(document, job.needs.length > 0 ? [...job.path, "needs"] : job.path);
    if (earlier.has(job.id)) {
      const remedy = "Break the circle: let each job need only earlier ones";
      return [breach(file, `${shown} in need of itself`, "needs without a circle", { at, remedy })];
    }
    if (!earlier.has(first.id)) {
      return [
        breach(
          file,
          `${shown} that starts without ${quote(first.id)}`,
          `a need of ${quote(first.id)}, directly or through others`,
          { at, remedy: `Add needs: ${first.id} to ${shown}` },
        ),
      ];
    }
    const guarding = job.needs
      .map(({ id }) => id)
      .filter((id) => id === first.id || before(byId.get(id) ?? job).has(first.id));
    if (outlivesFailure(job.table.if, guarding)) {
      return [
        breach(
          file,
          `${shown} that may run after a failure, if: ${quote(String(job.table.if))}`,
          `the success of ${quote(first.id)}`,
          {
            at: placeOf(document, [...job.path, "if"]),
            remedy: `Remove the status function, or add && needs.${guarding[0]}.result == 'success'`,
          },
        ),
      ];
    }
    return [];
  }

  const faults = others.flatMap((job) => [...judgeUnknown(job), ...judgeJob(job)]);
  if (faults.length > 0) {
    return faults;
  }
  const names = others.map(({ id }) => id).join(", ");
  const verb = others.length === 1 ? "waits" : "wait";
  const message = names === "" ? `${first.id} is the only job` : `${names} ${verb} for ${first.id}`;
  return [notice(`${file}: ${message}`, { at: placeOf(document, first.path) })];
}
