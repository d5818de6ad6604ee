/**
 * What holds for every input, and not for examples alone: a reader answers with data or with a
 * located syntax error, soon; and what it has read can be written again. On failure fast-check
 * prints the seed, the path to the smallest counterexample, and the counterexample.
 */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { checkAppendOnly } from "../release-gate/history/growth.ts";
import { withSection } from "../scripts/bump/section.ts";
import { findNewestTime, readVintages } from "../scripts/check-vintages.ts";
import { smallProduct } from "../scripts/demo/product.ts";
import {
  type Day,
  dayOf,
  daysBetween,
  isDay,
  monthsBefore,
  parseDay,
} from "../scripts/lib/calendar.ts";
import { pinnedVersion, readWorkspace } from "../scripts/lib/files/cargo.ts";
import { findLineNaming, readChangelog } from "../scripts/lib/files/changelog.ts";
import { chartFrom, chartVersionFrom } from "../scripts/lib/files/chart.ts";
import { imagesOf } from "../scripts/lib/files/chart-images.ts";
import { decodeSource } from "../scripts/lib/files/decode.ts";
import {
  asTable,
  type Document,
  type Path,
  parseJson,
  parseToml,
  parseYaml,
} from "../scripts/lib/files/document.ts";
import { editDocument } from "../scripts/lib/files/edit.ts";
import {
  parseConfigPlatform,
  parseImageManifest,
  parsePlatform,
} from "../scripts/lib/files/image-manifest.ts";
import { type ImageReference, parseImageReference } from "../scripts/lib/files/image-reference.ts";
import {
  entriesOf,
  malformedFindings,
  malformedOf,
  parseLedger,
  rowText,
} from "../scripts/lib/files/ledger.ts";
import { codeBlocks, readLines, withoutComments } from "../scripts/lib/files/markdown.ts";
import { lockedIn } from "../scripts/lib/files/reference-finders.ts";
import { applicationVersions, readReferences } from "../scripts/lib/files/references.ts";
import {
  findConstants,
  findInCode,
  findMentions,
  findUnclearConstants,
  findUnclearMentions,
} from "../scripts/lib/files/snippets.ts";
import { parseTagObject } from "../scripts/lib/files/tag-object.ts";
import { describeValue } from "../scripts/lib/files/unreadable.ts";
import { error, LocatedSyntaxError, Refusal } from "../scripts/lib/finding.ts";
import { findLink, findList, findText } from "../scripts/lib/net/gh.ts";
import { type Source, source } from "../scripts/lib/tree.ts";
import { compareVersions, isVersion, parseVersion, type Version } from "../scripts/lib/version.ts";
import { parseChecksums } from "../scripts/verify/github-release.ts";
import { checkDocumentedForm } from "../scripts/workflow/documented-form.ts";
import { parseWorkflow } from "../scripts/workflow/yaml.ts";
import {
  anyBytes,
  anyData,
  anyDay,
  anyDigest,
  anySha,
  anyText,
  anyVersion,
  repeated,
} from "./helpers/arbitraries.ts";
import { valuesOf } from "./helpers/document.ts";
import { memoryTree } from "./helpers/memory-tree.ts";

const seed = 20_260_807;
const today = "2026-08-07" as Day;
const version = "1.3.0" as Version;
/** Microseconds of the processor: more than any reader needs for the inputs of this file. */
const patience = 5_000_000;

/** Each reader with all that it offers; texts count as answers of their own. */
const readers: Readonly<Record<string, (file: Source) => unknown>> = {
  "a version": ({ text }) => parseVersion(text),
  "a day": ({ text }) => parseDay(text),
  TOML: (file) => everythingOf(parseToml(file)),
  YAML: (file) => everythingOf(parseYaml(file)),
  JSON: (file) => everythingOf(parseJson(file)),
  "a workflow": (file) =>
    checkDocumentedForm(parseWorkflow(file), { file: file.path, tagPrefix: "v", check: "check" }),
  "a chart": (file) => imagesOf(chartFrom(file)),
  "a chart's version": (file) => chartVersionFrom(file),
  "a lock file": (file) => lockedIn(file, new Set(["perf-sentinel", "serde"])),
  "a requirement": ({ text }) => pinnedVersion(text),
  "a changelog": (file) => {
    const changelog = readChangelog(file);
    return changelog.sections.map((each) => findLineNaming(changelog, each, "1.2.3"));
  },
  "a changelog to edit": (file) =>
    withSection(file, { version, date: today, mustHaveDate: true, otherwise: ["- Words"] }),
  Markdown: ({ text }) => [readLines(text), codeBlocks(text)(0), withoutComments(text)],
  "a ledger": (file) => {
    const ledger = parseLedger(file, today);
    return [
      malformedFindings(malformedOf(ledger), error, () => "x"),
      checkAppendOnly(ledger, [
        { ledger: parseLedger(source("base", "v1.2.9\t1\n"), today), shown: "x" },
      ]),
    ];
  },
  checksums: ({ text }) => parseChecksums(text),
  "Rust source": readVintages,
  "a time": ({ text }) => findNewestTime(text),
  "a constant": (file) => [
    findConstants(file, "PERF_SENTINEL_VERSION"),
    findInCode(file, (each) => findConstants(each, "version")),
    findUnclearConstants(file, "name"),
    findMentions(file, "perf-sentinel", "v"),
    findUnclearMentions(file, "perf-sentinel", "v"),
  ],
  "an image": ({ text }) => parseImageReference(text),
  "a platform": ({ text }) => parsePlatform(text),
  "an image manifest": ({ text }) =>
    parseImageManifest(text, "application/vnd.oci.image.manifest.v1+json"),
  "an image index": ({ text }) =>
    parseImageManifest(text, "application/vnd.oci.image.index.v1+json"),
  "an image's configuration": ({ text }) => parseConfigPlatform(text),
  "a tag object": ({ text }) => parseTagObject(new TextEncoder().encode(text)),
};

/** Asks a document for the place of each value, and for each text in it. */
function everythingOf(document: Document): unknown {
  return valuesOf(document.data)
    .slice(0, 30)
    .map(({ path, value }) => {
      describeValue(value, "YAML");
      document.place(path);
      return typeof value === "string" && document.textOffsets(path, value);
    });
}

/** Lets a reader answer, and complains about anything but data, or an error with a place. */
function holds(read: (file: Source) => unknown, file: () => Source): void {
  const before = process.threadCpuUsage();
  try {
    read(file());
  } catch (thrown) {
    if (thrown instanceof Refusal) {
      expect(thrown.findings.length).toBeGreaterThan(0);
      expect(thrown.findings.map(({ level, at }) => [level, at?.file])).toEqual(
        thrown.findings.map(() => ["error", "file"]),
      );
    } else if (thrown instanceof LocatedSyntaxError) {
      expect(thrown.at.file).toMatch(/^(?:file|a\.ts)$/);
    } else if (!(thrown instanceof SyntaxError)) {
      throw thrown;
    }
  }
  const { user, system } = process.threadCpuUsage(before);
  expect(user + system).toBeLessThan(patience);
}

describe("any bytes are data or a located error:", () => {
  test.each(Object.entries(readers))("%s", (_, read) => {
    fc.assert(
      fc.property(anyBytes, (bytes) => holds(read, () => decodeSource("file", bytes))),
      { seed, numRuns: 300 },
    );
  });

  test.each(Object.entries(readers))("%s, of long lines and deep nesting", (_, read) => {
    fc.assert(
      fc.property(repeated, (text) => holds(read, () => source("file", text))),
      { seed, numRuns: 15 },
    );
  });

  const files = smallProduct("1.2.9");
  test("a workspace and its references, one file of which is anything", async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...Object.keys(files)), anyText, async (path, text) => {
        const tree = memoryTree({ ...files, [path]: text });
        await readWorkspace(tree);
        await readReferences(tree, applicationVersions(version));
      }),
      { seed, numRuns: 200 },
    );
  });

  test("a JSON answer of gh", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(findText(value) ?? value).toEqual(value);
        expect(findList(value) ?? value).toEqual(value);
        expect(findLink(value) ?? value).toEqual(value);
      }),
      { seed, numRuns: 200 },
    );
  });
});

function property<Values extends [unknown, ...unknown[]]>(
  name: string,
  values: { [K in keyof Values]: fc.Arbitrary<Values[K]> },
  rule: (...values: Values) => void,
): void {
  test(name, () => {
    fc.assert(fc.property(...values, rule), { seed, numRuns: 200 });
  });
}

describe("what is read can be written again:", () => {
  property("a version, with its prefix or without", [anyVersion], (each) => {
    expect(parseVersion(each)).toBe(each);
    expect(parseVersion(`v${each}`)).toBe(each);
    expect(parseVersion(`chart-v${each}`, "chart-v")).toBe(each);
  });

  property("versions have one order", [anyVersion, anyVersion, anyVersion], (a, b, c) => {
    expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) || 0);
    expect(compareVersions(a, b) === 0).toBe(a === b);
    const [first, second, third] = [a, b, c].sort(compareVersions) as [Version, Version, Version];
    expect(compareVersions(first, second)).toBeLessThanOrEqual(0);
    expect(compareVersions(second, third)).toBeLessThanOrEqual(0);
    expect(compareVersions(first, third)).toBeLessThanOrEqual(0);
  });

  property("a day, and the days and months between two", [anyDay, anyDay], (a, b) => {
    expect(parseDay(a)).toBe(a);
    expect(dayOf(new Date(Date.parse(a) + daysBetween(a, b) * 86_400_000))).toBe(b);
    const earlier = monthsBefore(a, 5);
    expect([isDay(earlier), earlier <= a]).toEqual([true, true]);
  });

  property(
    "a row of the ledger",
    [anyVersion.filter(isVersion), anySha, anyDay, fc.constantFrom("PASS", "FAIL")],
    (name, sha, date, verdict) => {
      const row = { tag: `v${name}`, sha, date, verdict };
      const ledger = parseLedger(source("file", `${rowText(row)}\n`), "9999-12-31" as Day);
      expect(malformedOf(ledger)).toEqual([]);
      expect(entriesOf(ledger)).toMatchObject([row]);
    },
  );

  property("what a ledger holds among anything else", [anyText], (text) => {
    const ledger = parseLedger(source("file", text), today);
    const lines = text.replace(/^\ufeff/, "").split("\n");
    for (const row of ledger.rows) {
      expect(lines[row.line - 1]?.replace(/\r$/, "")).toBe(row.text);
    }
    for (const { repaired, line } of malformedOf(ledger)) {
      const again = parseLedger(source("file", repaired ?? ""), today);
      expect([line, again.rows.every(({ kind }) => kind === "entry")]).toEqual([line, true]);
    }
    for (const row of entriesOf(ledger)) {
      expect(rowText(row)).toBe(row.text);
    }
  });

  const registry = fc.constantFrom(
    "ghcr.io",
    "localhost:5000",
    "docker.io",
    "[::1]:443",
    "EXAMPLE",
  );
  const repository = fc.stringMatching(/^[a-z0-9]{1,5}(?:(?:[._]|__|-{1,3})[a-z0-9]{1,4}){0,2}$/);
  const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/);
  property(
    "an image",
    [
      registry,
      fc.array(repository, { minLength: 1, maxLength: 3 }),
      fc.option(tag, { nil: undefined }),
      fc.option(anyDigest, { nil: undefined }),
    ],
    (host, path, name, digest) => {
      const read = parseImageReference(
        imageText({
          registry: host,
          repository: path.join("/"),
          ...(name === undefined ? {} : { tag: name }),
          ...(digest === undefined ? {} : { digest }),
        }),
      );
      expect([read.registry, read.tag, read.digest]).toEqual([host, name, digest]);
      expect(read.repository).toEndWith(path.join("/"));
      expect(parseImageReference(imageText(read))).toEqual(read);
    },
  );

  const part = fc.oneof(
    fc.constantFrom("linux", "amd64", "arm64", "arm", "v7", "v8", "v1"),
    fc.stringMatching(/^[A-Za-z0-9_.-]{1,8}$/),
  );
  property(
    "a platform, which is written in one way",
    [fc.array(part, { minLength: 2, maxLength: 3 })],
    (parts) => {
      const name = parsePlatform(parts.join("/"));
      expect(parsePlatform(name)).toBe(name);
      const [os, architecture, variant] = parts;
      expect(parseConfigPlatform(JSON.stringify({ os, architecture, variant }))).toBe(name);
    },
  );

  property(
    "checksums",
    [
      fc.dictionary(fc.stringMatching(/^[!-~](?:[ -~]{0,10}[!-~])?$/), anyDigest, {
        minKeys: 1,
        noNullPrototype: true,
      }),
    ],
    (sums) => {
      const bare = Object.entries(sums)
        .filter(([name]) => !name.startsWith("./"))
        .map(([name, digest]): [string, string] => [name, digest.slice("sha256:".length)]);
      fc.pre(bare.length > 0);
      const text = bare.map(([name, sum]) => `${sum}  ${name}\n`).join("");
      expect([...parseChecksums(text)]).toEqual(bare);
    },
  );

  const line = fc
    .string({ unit: "grapheme", maxLength: 12 })
    .map((each) => each.replace(/\n/g, ""));
  property(
    "a tag object, with its signature or without",
    [anySha, line, line, anyText.filter((text) => !text.includes("-----BEGIN")), fc.boolean()],
    (object, name, tagger, message, isSigned) => {
      const words = message.toWellFormed();
      const head = `object ${object}\ntype commit\ntag ${name}\ntagger ${tagger}\n\n`;
      const signed = words === "" || words.endsWith("\n") ? words : `${words}\n`;
      const armour = isSigned
        ? "-----BEGIN SSH SIGNATURE-----\nAA\n-----END SSH SIGNATURE-----\n"
        : "";
      const read = parseTagObject(new TextEncoder().encode(head + signed + armour));
      expect(read).toMatchObject({ object, type: "commit", tag: name, tagger, message: signed });
      expect(read.signature?.armour ?? "").toBe(armour);
      const payload = read.signature?.payload ?? new TextEncoder().encode(head + signed);
      expect(new TextDecoder("utf-8", { ignoreBOM: true }).decode(payload)).toBe(head + signed);
    },
  );

  property("JSON", [anyData], (data) => {
    expect(parseJson(source("file", JSON.stringify(data))).data).toEqual(data);
  });

  property("YAML", [anyData], (data) => {
    expect(parseYaml(source("file", Bun.YAML.stringify(data))).data).toEqual(data);
  });

  property("TOML", [fc.dictionary(fc.stringMatching(/^[a-z-]{1,5}$/), anyData)], (table) => {
    const text = Object.entries(table).map(([key, value]) => `${key} = ${tomlText(value)}\n`);
    expect(parseToml(source("file", text.join(""))).data).toEqual({ ...table });
  });
});

function imageText({ registry, repository, tag, digest }: ImageReference): string {
  const name = `${registry}/${repository}`;
  return `${name}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

function tomlText(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(tomlText).join(", ")}]`;
  }
  const table = asTable(value);
  const text = (each: unknown) => JSON.stringify(each).replaceAll("\x7f", "\\u007f");
  return table === undefined
    ? text(value)
    : `{${Object.entries(table)
        .map(([key, each]) => `${text(key)} = ${tomlText(each)}`)
        .join(", ")}}`;
}

describe("what a reader says of a text stands there:", () => {
  property("keys and texts of a document", [anyText], (text) => {
    for (const parse of [parseToml, parseYaml]) {
      const document = parsed(parse, text);
      for (const { path, value } of valuesOf(document?.data).slice(0, 12)) {
        const key = path.at(-1);
        const offsets = document === undefined ? [] : keyOffsetsOf(document, path);
        for (const offset of offsets) {
          expect(document?.source.text.slice(offset)).toStartWith(String(key));
        }
        for (const offset of typeof value === "string"
          ? (document?.textOffsets(path, value) ?? [])
          : []) {
          expect(document?.source.text.slice(offset)).toStartWith(String(value));
        }
      }
    }
  });

  property("a chart's version for whom U+2028 and its like end a line", [anyText], (text) => {
    const ours = parsed(
      ({ text: all }) => chartVersionFrom(source("file", `${all}\nversion: 1.2.3\n`)),
      text,
    );
    const lines = text.replace(/[\u0085\u2028\u2029]/g, "\n");
    const theirs = parsed(parseYaml, `${lines}\nversion: 1.2.3\n`);
    if (ours !== undefined && theirs !== undefined) {
      expect<unknown>(theirs.at(["version"])).toBe(ours.value);
    }
  });

  const manifestLines = fc.constantFrom(
    "version: 1.2.3\n",
    "'version': 9.9.9\n",
    "? version\n: 9.9.9\n",
    'a: "x\nversion: 1.2.3"\n',
    "d:\n- version: 1\n",
    "<<: {version: 9.9.9}\n",
    "  version: 1.2.3\n",
    "\r",
  );
  const manifests = fc.oneof(
    fc.array(manifestLines, { maxLength: 6 }).map((lines) => lines.join("")),
    anyText.map((text) => `${text}\nversion: 1.2.3\n`),
  );
  property(
    "a chart's version by its lines, for the parser's own keys, too",
    [manifests],
    (text) => {
      const byLines = parsed(chartVersionFrom, text);
      if (byLines !== undefined) {
        const document = parseYaml(source("file", text));
        expect(document.at(["version"])).toBe(byLines.value);
        expect(document.keyOffsets(["version"]).map(document.source.place)).toEqual([byLines.at]);
      }
    },
  );

  property("an edit changes its value alone, or is refused", [anyText, fc.nat()], (text, which) => {
    for (const parse of [parseToml, parseYaml]) {
      const document = parsed(parse, text);
      const texts = valuesOf(document?.data).filter(
        ({ value }) => typeof value === "string" && value !== "",
      );
      const { path, value } = texts[which % (texts.length || 1)] ?? {};
      if (document === undefined || path === undefined) {
        return;
      }
      const edited = parsed(
        (file) =>
          parse(
            source(
              file.path,
              editDocument(document, [{ path, at: 0, from: String(value), to: "9.9.9-edited" }]),
            ),
          ),
        text,
      );
      if (edited !== undefined) {
        const others = texts.filter((each) => each.path !== path);
        expect(edited.at(path)).toBe("9.9.9-edited");
        expect(others.map((each) => edited.at(each.path))).toEqual(
          others.map((each) => each.value),
        );
      }
    }
  });

  property(
    "a release's section is there after one edit, and stays after two",
    [anyText],
    (text) => {
      const request = { version, date: today, mustHaveDate: true, otherwise: ["- Words"] };
      const edit = parsed((file) => withSection(file, request), text);
      if (edit !== undefined) {
        const again = withSection(source("file", edit.text), request);
        expect([again.text, again.outcome]).toEqual([edit.text, "kept"]);
      }
    },
  );

  property("the sections of a changelog, one after another", [anyText], (text) => {
    let end = 0;
    for (const section of readChangelog(source("file", text)).sections) {
      expect(section.start).toBeGreaterThanOrEqual(end);
      expect(section.bodyStart).toBeGreaterThan(section.start);
      expect(section.end).toBeGreaterThanOrEqual(section.bodyStart);
      end = section.end;
    }
  });

  property("the constants of snippets", [anyText], (text) => {
    const file = source("file", text);
    for (const { offset, text: found } of [
      ...findConstants(file, "version"),
      ...findMentions(file, "perf-sentinel", "v"),
      ...findUnclearMentions(file, "perf-sentinel", "v"),
    ]) {
      expect(file.text.slice(offset)).toStartWith(found);
    }
  });

  const sound = ["1", "2", "3"].map((each) => `v1.${each}.0\tabcdef1\t2026-01-01\tPASS`);
  const mangled = sound.map((row) => row.replace("\t", " "));
  const rows = (...texts: string[]) => fc.array(fc.constantFrom(...texts), { maxLength: 8 });
  const grown = (after: string[], before: string[]) => {
    const [now, base] = [after, before].map((each) =>
      parseLedger(source("file", each.join("\n")), today),
    );
    return now && base && checkAppendOnly(now, [{ ledger: base, shown: "x" }]).length === 0;
  };
  property(
    "a ledger grew if its valid rows are still the first ones",
    [rows(...sound), rows(...sound)],
    (a, b) => {
      expect(grown([...a, ...b], a)).toBe(true);
      expect(grown(b, a)).toBe(a.every((row, index) => row === b[index]));
    },
  );
  property(
    "a malformed row may be repaired or removed",
    [rows(...sound, ...mangled, "x"), fc.boolean()],
    (a, isRepaired) => {
      const other = isRepaired
        ? a.map((row) => row.replace(" ", "\t"))
        : a.filter((row) => sound.includes(row));
      expect(grown(other, a)).toBe(true);
      expect(grown([...a, ...other], a)).toBe(true);
    },
  );
});

/** What a reader answers to a text; undefined for an error that it locates. */
function parsed<T>(read: (file: Source) => T, text: string): T | undefined {
  try {
    return read(source("file", text));
  } catch (thrown) {
    expect(thrown instanceof LocatedSyntaxError || thrown instanceof Refusal).toBe(true);
    return undefined;
  }
}

function keyOffsetsOf(document: Document, path: Path): readonly number[] {
  return parsed(() => document.keyOffsets(path), "") ?? [];
}
