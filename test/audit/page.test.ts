import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { checkPath, pageMark, pageOf, timelineOf, writePage } from "../../scripts/audit/page.ts";
import type { Row } from "../../scripts/audit/record.ts";
import type { Audit } from "../../scripts/audit/survey.ts";
import { parseDay } from "../../scripts/lib/calendar.ts";
import { parseVersion } from "../../scripts/lib/version.ts";
import { chartRow, soundRow } from "../helpers/audit.ts";
import { temporaryFolder } from "../helpers/world.ts";

const commit = "0123456789abcdef".padEnd(40, "0");
const audit = (...rows: Row[]): Audit => ({
  rows,
  others: [],
  main: { value: { shown: "main", commit, commits: new Set(), isShallow: false } },
});
const today = parseDay("2026-08-07");
const three = audit(soundRow(2), chartRow(1), soundRow(1));

describe("the page", () => {
  test("is known by its mark, and says what it is about", () => {
    const page = pageOf(three, undefined, today);
    expect(page).toContain(pageMark);
    expect(page).toContain(
      "Audit of 3 tags on 2026-08-07 (UTC); the main branch is main at 0123456789ab.",
    );
    expect(pageOf({ ...three, main: { findings: [] } }, parseVersion("1.1.0"), today)).toContain(
      "Audit of 3 tags since v1.1.0 on 2026-08-07 (UTC); no main branch was found.",
    );
  });

  test("asks for nothing from elsewhere, and holds no script", () => {
    const page = pageOf(three, undefined, today);
    expect(page.match(/\b(?:src|href|action|data)="[^"]*"/g)).toEqual(['href="data:,"']);
    expect(page).not.toMatch(/<script|url\(|@import|\bon\w+=|https?:/);
  });

  test("says in words that there is no picture", () => {
    const page = pageOf(audit(soundRow(1, { head: undefined })), undefined, today);
    expect(page).toContain("No tag has a date that can be read.");
  });
});

test("the picture lies within its bounds, and no number is broken, however far apart tags are", () => {
  for (const rows of [[soundRow(0)], [soundRow(1), soundRow(0)], [chartRow(4000), soundRow(0)]]) {
    const picture = timelineOf(rows) ?? "";
    expect(picture).not.toMatch(/NaN|Infinity|undefined/);
    const marks = [...picture.matchAll(/cx="([^"]*)"|d="M(\S+) |date" x="([^"]*)"/g)];
    const xs = marks.map(([, circle, triangle, date]) => Number(circle ?? triangle ?? date));
    expect(xs.length).toBeGreaterThan(3);
    expect(xs.every((x) => x >= 50 && x <= 800)).toBe(true);
  }
});

describe("the file of the page", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  const at = (name: string) => join(folder.path, name);
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => folder[Symbol.dispose]());

  test.each([undefined, "", `${pageMark} old`])(
    "replaces nothing, an empty file or an earlier page, and leaves nothing beside it: %p",
    (old) => {
      if (old !== undefined) {
        writeFileSync(at("page"), old, { mode: 0o600 });
      }
      writePage(at("page"), "new");
      expect(readFileSync(at("page"), "utf8")).toBe("new");
      expect(old === undefined || (statSync(at("page")).mode & 0o777) === 0o600).toBe(true);
      expect(readdirSync(folder.path)).toEqual(["page"]);
    },
  );

  test.each<[string, string, () => void]>([
    ["another file", "page", () => writeFileSync(at("page"), "notes")],
    ["a directory", "page", () => mkdirSync(at("page"))],
    ["a link to nothing", "page", () => symlinkSync(at("none"), at("page"))],
    ["a link to an earlier page", "page", () => linked(at("own"), at("page"))],
    ["nothing, in a directory that does not exist", "none/page", () => {}],
    ["nothing, below a file", "file/page", () => writeFileSync(at("file"), "")],
  ])("is refused over %s, before and at the writing", (_, name, make) => {
    make();
    const before = readdirSync(folder.path);
    expect(() => checkPath(at(name))).toThrow("Cannot write ");
    expect(() => writePage(at(name), "new")).toThrow("Cannot write ");
    expect(readdirSync(folder.path)).toEqual(before);
  });

  function linked(target: string, link: string): void {
    writeFileSync(target, pageMark);
    symlinkSync(target, link);
  }

  test("leaves nothing behind where it cannot be put in its place", () => {
    // Only a directory can have this name: the file is written whole, and cannot be renamed.
    expect(() => writePage(`${at("page")}/`, "new")).toThrow("Cannot write ");
    expect(readdirSync(folder.path)).toEqual([]);
  });
});
