/** Work that grows tenfold and tenfold again: what a command may cost, and how that may grow. */

import { smallProduct } from "../../scripts/demo/product.ts";
import { type Day, dayOf } from "../../scripts/lib/calendar.ts";
import { rowText } from "../../scripts/lib/files/ledger.ts";
import { layout } from "../../scripts/lib/layout.ts";
import { type TestRepository, testRepository } from "../helpers/world.ts";
import { type Cost, costsOf, growthExponent, type Subject } from "./measure.ts";
import { script } from "./product.ts";

type Three<T> = readonly [T, T, T];

/** One kind of work, in three sizes of which each is ten times the one before. */
interface Work {
  readonly unit: string;
  readonly sizes: Three<number>;
  /** Puts work of a size into an empty repository; answers the commands to measure on it. */
  prepare(repository: TestRepository, size: number): Promise<Subject[]>;
}

const version = "1.3.0";

const crates: Work = {
  unit: "crates",
  sizes: [10, 100, 1_000],
  async prepare(repository, size) {
    const names = Array.from({ length: size }, (_, index) => `crate-${index}`);
    const pin = (name: string | undefined) =>
      name === undefined ? "" : `${name} = { version = "${version}", path = "../${name}" }\n`;
    await repository.commit({
      "Cargo.toml": `[workspace]\nmembers = ["crates/*"]\n\n[workspace.package]\nversion = "${version}"\n`,
      ...Object.fromEntries(
        names.map((name, index) => [
          `crates/${name}/Cargo.toml`,
          `[package]\nname = "${name}"\nversion.workspace = true\n\n[dependencies]\nserde = "1.0.229"\n${pin(names[index - 1])}${pin(names[index - 2])}`,
        ]),
      ),
    });
    return [
      script("scripts/check-tag-version.ts", version),
      script("scripts/check-tag-version.ts", version, "--ref", "HEAD"),
    ];
  },
};

const ledger: Work = {
  unit: "ledger rows",
  sizes: [1_000, 10_000, 100_000],
  async prepare(repository, size) {
    const base = await repository.commit({ [layout.ledger]: ledgerOf(size, new Date()) });
    const last = `v1.${size - 1}.0`;
    return [
      script("release-gate/check-ledger.ts"),
      {
        ...script("release-gate/check-ledger.ts", base),
        title: "release-gate/check-ledger.ts base",
      },
      script("release-gate/check-lab-validation.ts", "--version", last),
    ];
  },
};

const millisecondsPerDay = 86_400_000;

/** A clean ledger whose last row is a PASS of today. */
function ledgerOf(rows: number, today: Date): string {
  const lines = Array.from({ length: rows }, (_, index) => {
    const age = Math.floor(((rows - 1 - index) / rows) * 3_000);
    const date: Day = dayOf(new Date(today.getTime() - age * millisecondsPerDay));
    const sha = index.toString(16).padStart(7, "0");
    return rowText({ tag: `v1.${index}.0`, sha, date, verdict: "PASS" });
  });
  return `${lines.join("\n")}\n`;
}

const tags: Work = {
  unit: "tags",
  sizes: [10, 100, 1_000],
  async prepare(repository, size) {
    await importHistory(repository, size);
    return [script("scripts/audit-releases.ts")];
  },
};

/** A main branch of releases, each a commit with a tag, as `git fast-import` takes it. */
async function importHistory({ root, env, git }: TestRepository, size: number): Promise<void> {
  const data = (text: string) => `data ${Buffer.byteLength(text)}\n${text}\n`;
  const who = (index: number) =>
    `Release Tester <tester@example.invalid> ${1_600_000_000 + index * 86_400} +0000`;
  const releases = Array.from({ length: size }, (_, index) => {
    const tag = `v1.${index}.0`;
    const files = Object.entries(smallProduct(`1.${index}.0`));
    return [
      `commit refs/heads/main\ncommitter ${who(index)}\n${data(`Release ${tag}`)}`,
      ...files.map(([path, text]) => `M 100644 inline ${path}\n${data(text)}`),
      `tag ${tag}\nfrom refs/heads/main\ntagger ${who(index)}\n${data(tag)}`,
    ].join("");
  });
  const stdin = new TextEncoder().encode(releases.join(""));
  const child = Bun.spawn(["git", "fast-import", "--quiet"], { cwd: root, env, stdin });
  if ((await child.exited) !== 0) {
    throw new Error("git fast-import failed");
  }
  await git("reset", "--quiet", "--hard");
}

const changelog: Work = {
  unit: "KB of changelog",
  sizes: [100, 1_000, 10_000],
  async prepare(repository, size) {
    const files = smallProduct(version);
    const entry = "- A line about something that was changed, fixed or added in this release.\n";
    const section = (index: number) =>
      `\n## [0.${index}.0] - 2020-01-01\n\n### Changed\n\n${entry.repeat(12)}`;
    const one = section(1_000).length;
    const count = Math.ceil((size * 1_000) / one);
    const old = Array.from({ length: count }, (_, index) => section(count - index));
    await repository.commit({
      ...files,
      [layout.changelog]: `${files[layout.changelog]}${old.join("")}`,
    });
    return [
      script("scripts/check-references.ts", version),
      script("scripts/bump-version.ts", "1.4.0", "--dry-run"),
    ];
  },
};

/** How one command's cost grows with one kind of work. */
export interface Growth {
  readonly title: string;
  readonly unit: string;
  readonly sizes: Three<number>;
  readonly milliseconds: Three<number>;
  readonly megabytes: Three<number>;
  readonly exponent: number;
}

/** The growth of every command that is measured on growing work. */
export async function growths(): Promise<Growth[]> {
  const found: Growth[] = [];
  for (const work of [crates, ledger, tags, changelog]) {
    found.push(...(await growthOf(work)));
  }
  return found;
}

/** A tenth of an empty process's time says nothing about growth. */
const noiseShare = 0.1;

async function growthOf({ unit, sizes, prepare }: Work): Promise<Growth[]> {
  const bySize: Cost[][] = [];
  for (const size of sizes) {
    await using repository = await testRepository();
    const subjects = await prepare(repository, size);
    bySize.push(await costsOf(subjects, repository.root, repository.env, 3));
  }
  const [small = [], middle = [], large = []] = bySize;
  const noise = (small[0]?.milliseconds ?? 0) * noiseShare;
  return small.slice(1).map(({ title }, index) => {
    const costs = [small, middle, large].map((each) => each[index + 1]);
    const three = (key: "milliseconds" | "megabytes"): Three<number> => {
      const [a = 0, b = 0, c = 0] = costs.map((cost) => cost?.[key]);
      return [a, b, c];
    };
    const milliseconds = three("milliseconds");
    const exponent = growthExponent(milliseconds, noise);
    return { title, unit, sizes, milliseconds, megabytes: three("megabytes"), exponent };
  });
}
