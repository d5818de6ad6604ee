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

/**
 * Reads a calendar day from a command line.
 *
 * @throws {SyntaxError} If the text is no real day as `YYYY-MM-DD`.
 */
export function parseDay(text: string): Day {
  if (!isDay(text)) {
    throw new SyntaxError(`expected a calendar day YYYY-MM-DD, found ${JSON.stringify(text)}`);
  }
  return text;
}

/** The UTC day of a moment. */
export function dayOf(moment: Date): Day {
  return moment.toISOString().slice(0, 10) as Day;
}

/** A moment to the minute, for people: `YYYY-MM-DD hh:mm UTC`. */
export function minuteOf(moment: Date): string {
  return `${moment.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** Whole UTC calendar days from one day to another; negative if `to` comes first. */
export function daysBetween(from: Day, to: Day): number {
  return (midnightOf(to) - midnightOf(from)) / millisecondsPerDay;
}

/**
 * The same day some months earlier, or the last one of that month if it is shorter; never before
 * the year 0000.
 */
export function monthsBefore(day: Day, months: number): Day {
  const index = Math.max(0, Number(day.slice(0, 4)) * 12 + Number(day.slice(5, 7)) - 1 - months);
  const year = String(Math.floor(index / 12)).padStart(4, "0");
  const month = String((index % 12) + 1).padStart(2, "0");
  const days = [31, 30, 29, 28].map((last) => Math.min(Number(day.slice(8)), last));
  return days.map((each) => `${year}-${month}-${String(each).padStart(2, "0")}`).find(isDay) ?? day;
}

function midnightOf(day: string): number {
  return Date.parse(`${day}T00:00:00Z`);
}
