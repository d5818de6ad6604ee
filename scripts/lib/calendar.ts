/** Calendar days in UTC, written `YYYY-MM-DD`. */

declare const dayBrand: unique symbol;

/** An existing calendar day as `YYYY-MM-DD`. Comparing two days as strings compares their dates. */
export type Day = string & { readonly [dayBrand]: true };

const millisecondsPerDay = 86_400_000;

/** Reports whether a text is an existing calendar day in the form `YYYY-MM-DD`. */
export function isDay(text: string): text is Day {
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text)) {
    return false;
  }
  const midnight = midnightOf(text);
  // Some engines parse February 30 as March 2. A day exists only if it converts back unchanged.
  return Number.isFinite(midnight) && dayOf(new Date(midnight)) === text;
}

/**
 * Reads a calendar day from a command line.
 *
 * @throws {SyntaxError} If the text is not an existing day in the form `YYYY-MM-DD`.
 */
export function parseDay(text: string): Day {
  if (!isDay(text)) {
    throw new SyntaxError(`expected a calendar day YYYY-MM-DD, found ${JSON.stringify(text)}`);
  }
  return text;
}

/** Returns the UTC day of a moment. */
export function dayOf(moment: Date): Day {
  return moment.toISOString().slice(0, 10) as Day;
}

/** Returns a moment as `YYYY-MM-DD hh:mm UTC`. */
export function minuteOf(moment: Date): string {
  return `${moment.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** Returns the number of days from one day to another; it is negative if `to` is earlier. */
export function daysBetween(from: Day, to: Day): number {
  return (midnightOf(to) - midnightOf(from)) / millisecondsPerDay;
}

/**
 * Returns the same day some months earlier, or the last day of that month if it is shorter. The
 * result is never before the year 0000.
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
