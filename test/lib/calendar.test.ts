import { expect, test } from "bun:test";
import {
  type Day,
  dayOf,
  daysBetween,
  isDay,
  monthsBefore,
  parseDay,
} from "../../scripts/lib/calendar.ts";

const none = [
  ...[
    "",
    "now",
    "2026-02-29",
    "1900-02-29",
    "2026-02-30",
    "2026-04-31",
    "2026-13-01",
    "2026-00-10",
  ],
  ...["2026-01-00", "2026-8-7", "26-08-07", "2026-08-07 ", "2026-08-07\n", "2026-08-07T00:00:00Z"],
  ...["+002026-08-07", "２０２６-08-07"],
];

test("a calendar day is four, two and two digits that name a real day", () => {
  const days = ["2026-08-07", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"];
  expect<string[]>([...days, ...none].filter((each) => isDay(each))).toEqual(days);
});

test.each([
  ["2026-08-07T00:00:00.000Z", "2026-08-07"],
  ["2026-08-07T23:59:59.999Z", "2026-08-07"],
  ["2026-08-07T23:30:00-05:00", "2026-08-08"],
])("the day of %p is %p, in UTC", (moment, day) => {
  expect<string>(dayOf(new Date(moment))).toBe(day);
});

test.each([
  ["2026-08-07", "2026-08-07", 0],
  ["2026-08-07", "2026-08-08", 1],
  ["2026-08-08", "2026-08-07", -1],
  ["2024-02-28", "2024-03-01", 2],
  ["2026-03-28", "2026-03-30", 2],
  ["1999-12-31", "2026-01-01", 9498],
])("from %p to %p are %p whole days", (from, to, days) => {
  expect(daysBetween(from as Day, to as Day)).toBe(days);
});

test.each([
  ["2026-08-07", 6, "2026-02-07"],
  ["2026-08-07", 12, "2025-08-07"],
  ["2026-01-31", 1, "2025-12-31"],
  ["2026-08-31", 6, "2026-02-28"],
  ["2024-08-31", 6, "2024-02-29"],
  ["2024-02-29", 12, "2023-02-28"],
  ["2026-07-31", 1, "2026-06-30"],
  ["2026-08-07", 0, "2026-08-07"],
  ["0000-03-01", 6, "0000-01-01"],
])("%p less %p months is %p", (day, months, expected) => {
  expect<string>(monthsBefore(day as Day, months)).toBe(expected);
});

test("a day on a command line is a real one", () => {
  expect<string>(parseDay("2026-08-07")).toBe("2026-08-07");
  expect(() => parseDay("2026-02-30")).toThrow(
    new SyntaxError('expected a calendar day YYYY-MM-DD, found "2026-02-30"'),
  );
});
