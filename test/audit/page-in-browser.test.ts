import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pageOf } from "../../scripts/audit/page.ts";
import { columns, compareRows } from "../../scripts/audit/record.ts";
import { parseDay } from "../../scripts/lib/calendar.ts";
import { error } from "../../scripts/lib/finding.ts";
import { chartRow, soundRow } from "../helpers/audit.ts";
import { type BrowserPage, chromium, startBrowser } from "../helpers/browser.ts";
import { temporaryFolder } from "../helpers/world.ts";

const hostile = `<script>alert(1)</script>"><img src=https://example.invalid/x onerror=alert(1)>\u202e`;
const stale = { row: "r", file: hostile, what: "version", found: hostile, expected: "1.2.0" };

/** Every kind of cell, and text that wants to be more than text. */
const rows = [
  soundRow(1),
  soundRow(2, { stale: [stale, stale], manifests: "differ" }, { signature: "unsigned" }),
  chartRow(2, { chart: { version: "1.2.0", appVersion: hostile } }, { signature: "lightweight" }),
  soundRow(3, { lab: { state: "none", pass: undefined, hasLedger: false } }, { onMain: "no" }),
  soundRow(40),
  soundRow(
    41,
    { lab: { state: "skipped", pass: undefined, hasLedger: true } },
    { bypasses: [hostile] },
  ),
  soundRow(42, {
    head: undefined,
    manifests: "unreadable",
    lab: "unreadable",
    stale: "unreadable",
    chart: "unreadable",
    faults: [error(hostile.repeat(5))],
  }),
].toSorted(compareRows);

const main = { shown: hostile, commit: "0".repeat(40), commits: new Set(""), isShallow: false };
const audit = { rows, others: [], main: { value: main } };
const page = pageOf(audit, undefined, parseDay("2026-08-07"));

/** Texts with too little contrast, and marks; run in the page. */
const lowContrast = `(() => {
  const rgb = (text) => (text.match(/[0-9.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const contrast = (a, b) => {
    const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const found = rgb(getComputedStyle(each).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const judged = [];
  for (const element of document.body.querySelectorAll("*")) {
    const style = getComputedStyle(element);
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== "");
    const inPicture = element.closest("svg") !== null;
    if (["title", "desc"].includes(element.localName) || element.matches(".grid")) continue;
    if (hasText) judged.push([element, rgb(inPicture ? style.fill : style.color), 4.5]);
    else if (inPicture && ["circle", "path", "rect", "line"].includes(element.localName)) {
      judged.push([element, rgb(style.fill === "none" || element.localName === "line" ? style.stroke : style.fill), 3]);
    }
  }
  return {
    judged: judged.length,
    low: judged
      .map(([element, colour, least]) => [element.outerHTML.slice(0, 80), contrast(colour, behind(element)), least])
      .filter(([, found, least]) => !(found >= least)),
  };
})()`;

interface AccessibleNode {
  readonly ignored: boolean;
  readonly role?: { readonly value: string };
  readonly name?: { readonly value: string };
}

const inBrowser = chromium === undefined ? describe.skip : describe;

inBrowser(
  `the page in ${chromium === undefined ? "Chromium, which is not installed" : "Chromium"}`,
  () => {
    const folder = temporaryFolder();
    const url = `file://${join(folder.path, "audit.html")}`;
    let browser: BrowserPage;

    beforeAll(async () => {
      writeFileSync(join(folder.path, "audit.html"), page);
      browser = await startBrowser(chromium ?? "");
    }, 120_000);
    afterAll(async () => {
      await browser?.close();
      folder[Symbol.dispose]();
    });

    async function show(width: number, scheme: "light" | "dark", media = "screen") {
      const metrics = { width, height: 844, deviceScaleFactor: 1, mobile: width < 500 };
      await browser.send("Emulation.setDeviceMetricsOverride", metrics);
      const features = [{ name: "prefers-color-scheme", value: scheme }];
      await browser.send("Emulation.setEmulatedMedia", { media, features });
      await browser.open(url);
    }

    test.each([
      [390, "light", "rgb(255, 255, 255)"],
      [1280, "dark", "rgb(20, 23, 26)"],
    ] as const)(
      "%d px wide and %s: no horizontal scroll, enough contrast, even opened",
      async (width, scheme, back) => {
        await show(width, scheme);
        await browser.evaluate(
          "document.querySelectorAll('details').forEach((each) => each.open = true)",
        );
        const found = await browser.evaluate(`({
      inner: innerWidth,
      isWider: Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) > innerWidth,
      back: getComputedStyle(document.body).backgroundColor,
    })`);
        expect(found).toEqual({ inner: width, isWider: false, back });
        const { judged, low } = await browser.evaluate(lowContrast);
        expect(low).toEqual([]);
        expect(judged).toBeGreaterThan(100);
      },
    );

    test("on a phone the timeline opens at its newest end, with the words beside it", async () => {
      await show(390, "light");
      const seen = await browser.evaluate(`(() => {
        const edge = document.querySelector("svg").parentElement.getBoundingClientRect();
        const isSeen = (each) => {
          const { left, right } = each.getBoundingClientRect();
          return left >= edge.left && right <= edge.right;
        };
        const marks = [...document.querySelectorAll("svg circle, svg path")];
        return {
          newest: marks.filter((each) => each.textContent.startsWith("v1.41.0")).every(isSeen),
          oldest: marks.filter((each) => each.textContent.startsWith("v1.1.0")).some(isSeen),
          words: [...document.querySelectorAll("svg .name")].every(isSeen),
        };
      })()`);
      expect(seen).toEqual({ newest: true, oldest: false, words: true });
    });

    test("on paper it is light, and nothing is cut off", async () => {
      await show(800, "dark", "print");
      const { low } = await browser.evaluate(lowContrast);
      expect(low).toEqual([]);
      const found = await browser.evaluate(`({
      back: getComputedStyle(document.body).backgroundColor,
      cut: [...document.querySelectorAll(".scroll")].map((each) => getComputedStyle(each).overflowX),
    })`);
      expect(found).toEqual({ back: "rgb(255, 255, 255)", cut: ["visible", "visible"] });
    });

    test("a screen reader is told names, headings in order, and the table's headers", async () => {
      await show(390, "light");
      const { nodes }: { readonly nodes: readonly AccessibleNode[] } = await browser.send(
        "Accessibility.getFullAXTree",
      );
      const named = (wanted: string) =>
        nodes
          .filter(({ ignored, role }) => !ignored && role?.value === wanted)
          .map(({ name }) => name?.value ?? "");
      const headings = `[...document.querySelectorAll("h1,h2,h3")].map((each) => [each.localName, each.textContent])`;
      expect(await browser.evaluate(headings)).toEqual([
        ["h1", "Releases of perf-sentinel"],
        ["h2", "Totals"],
        ["h2", "Timeline"],
        ["h2", "All tags"],
      ]);
      expect(named("columnheader").map((name) => name.toLowerCase())).toEqual([
        ...columns.map(({ name }) => name),
        "notes",
      ]);
      expect(named("rowheader")).toEqual(rows.map(({ tag }) => tag));
      expect([...named("image"), ...named("img")]).toEqual(["Timeline of releases"]);
      expect(named("DisclosureTriangle")).toEqual(["2 stale references of v1.2.0"]);
      expect(await browser.evaluate("document.documentElement.lang")).toBe("en");
    });

    test("the keyboard reaches both regions and every detail, and shows where it is", async () => {
      await show(390, "dark");
      const stops: string[] = [];
      for (let press = 0; press < 3; press++) {
        for (const type of ["keyDown", "keyUp"]) {
          await browser.send("Input.dispatchKeyEvent", {
            type,
            key: "Tab",
            code: "Tab",
            windowsVirtualKeyCode: 9,
          });
        }
        stops.push(
          await browser.evaluate(`(() => {
        const { activeElement: each } = document;
        const isShown = getComputedStyle(each).outlineStyle === "solid";
        return each.localName + " " + (each.getAttribute("href") ?? each.getAttribute("role") ?? "") + " " + isShown;
      })()`),
        );
      }
      expect(stops).toEqual(["div region true", "div region true", "summary  true"]);
    });

    test("text from tags and files stays text; nothing is loaded, run or complained about", async () => {
      await show(390, "light");
      expect(
        await browser.evaluate("document.querySelectorAll('script, img, iframe, object').length"),
      ).toBe(0);
      expect(await browser.evaluate("document.body.textContent.includes('<script>alert(1)')")).toBe(
        true,
      );
      expect(
        await browser.evaluate(
          "/[\\u202a-\\u202e\\u2066-\\u2069]/.test(document.body.textContent)",
        ),
      ).toBe(false);
      const complaints = browser.events.filter(({ method }) =>
        [
          "Runtime.exceptionThrown",
          "Runtime.consoleAPICalled",
          "Log.entryAdded",
          "Page.javascriptDialogOpening",
        ].includes(method),
      );
      expect(complaints).toEqual([]);
      const asked = browser.events
        .filter(({ method }) => method === "Network.requestWillBeSent")
        .map(({ params }) => params.request.url as string);
      expect(asked.length).toBeGreaterThan(0);
      expect(asked.filter((each) => each !== url && each !== "data:,")).toEqual([]);
    });
  },
);
