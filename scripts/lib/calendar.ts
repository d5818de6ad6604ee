/** Calendar days in UTC, written `YYYY-MM-DD`. */

declare const dayBrand: unique symbol;

/** A real calendar day as `YYYY-MM-DD`. Days compare in their order as texts. */
export type Day = string & { readonly [dayBrand]: true };

const millisecondsPerDay = 86_400_000;

/** Whether a text is a calendar day that exists, as strict `YYYY-MM-DD`. */
export function isDay(text: string): text is Day {
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text)) {
    return false;
  }
  const midnight = midnightOf(text);
  // Some engines read February 30 as March 2: only what reads back unchanged exists.
  return Number.isFinite(midnight) && dayOf(new Date(midnight)) === text;
}

/** The UTC day of a moment. */
export function dayOf(moment: Date): Day {
  return moment.toISOString().slice(0, 10) as Day;
}

/** Whole UTC calendar days from one day to another; negative if `to` comes first. */
export function daysBetween(from: Day, to: Day): number {
  return (midnightOf(to) - midnightOf(from)) / millisecondsPerDay;
}

function midnightOf(day: string): number {
  return Date.parse(`${day}T00:00:00Z`);
}
