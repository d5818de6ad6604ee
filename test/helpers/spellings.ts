/** Arbitrary legal spellings of a product's files: values that a bump is to move, among decoys. */

import type { GeneratorValue } from "fast-check";
import fc from "fast-check";

/** Choices of a property test. */
interface Choice {
  of<T>(options: readonly T[]): T;
  /** Some of the options, in any order. */
  some<T>(options: readonly T[]): T[];
  shuffled<T>(options: readonly T[]): T[];
}

/** Choices that fast-check makes, repeats and shrinks. */
function choices(generate: GeneratorValue): Choice {
  return {
    of: (options) => generate(fc.constantFrom, ...options),
    some: (options) => generate(fc.shuffledSubarray, [...options]),
    shuffled: (options) =>
      generate(fc.shuffledSubarray, [...options], { minLength: options.length }),
  };
}

/** The version before the bump; in `‹›` where the bump is to move it. */
const V = "1.2.9";
const slot = `‹${V}›`;

/** Files by path, as they are before a bump, and as they must be after it. */
export function spelledProduct(generate: GeneratorValue, newVersion: string) {
  const choice = choices(generate);
  const eol = choice.of(["\n", "\n", "\r\n"]);
  const marked: Record<string, string> = {
    "Cargo.toml": rootManifest(choice),
    "crates/core/Cargo.toml": crateManifest(choice, "core", []),
    "crates/cli/Cargo.toml": crateManifest(choice, "cli", ["core"]),
    "Cargo.lock": lockFile(choice),
    "charts/perf-sentinel/Chart.yaml": chart(choice),
  };
  const texts = Object.entries(marked).map(([path, text]) => [path, text.replaceAll("\n", eol)]);
  const all = (change: (text: string) => string): Record<string, string> =>
    Object.fromEntries(texts.map(([path, text]) => [path, change(text ?? "")]));
  return {
    before: all((text) => text.replaceAll(/[‹›]/g, "")),
    after: all((text) => text.replaceAll(slot, newVersion)),
    slots: texts.join("").split(slot).length - 1,
  };
}

// TOML

const comment = (choice: Choice) =>
  choice.of(["", "", ` # ${V}`, ` # version = "${V}"`, "\t#", ` # was '${V}', see ${V}-rc.1`]);
const blank = (choice: Choice) =>
  choice.of(["", "", "\n", `# ${V}\n`, `# version = "${V}"\n`, `  # [workspace.package]\n`]);
const equals = (choice: Choice) => choice.of([" = ", "=", " =  ", "\t= "]);
const quoted = (choice: Choice, text: string) =>
  choice.of([`"${text}"`, `'${text}'`, `"""${text}"""`, `'''${text}'''`]);
const simple = (choice: Choice, text: string) => choice.of([`"${text}"`, `'${text}'`]);
const key = (choice: Choice, name: string) =>
  choice.of([...(/^[\w-]+$/.test(name) ? [name, name] : []), `"${name}"`, `'${name}'`]);

/** A statement on its own line. */
const line = (choice: Choice, left: string, right: string) =>
  `${choice.of(["", "", "  ", "\t"])}${left}${equals(choice)}${right}${comment(choice)}\n`;

/** Keys joined to a dotted one. */
const dotted = (choice: Choice, ...names: string[]) =>
  names.map((name) => key(choice, name)).join(choice.of([".", ".", " . "]));

const header = (choice: Choice, ...names: string[]) =>
  `${blank(choice)}[${choice.of(["", " "])}${dotted(choice, ...names)}${choice.of(["", " "])}]${comment(choice)}\n`;

/** The entries of an inline table, in any order. */
const inline = (choice: Choice, entries: readonly (readonly [string, string])[]) =>
  `{ ${choice
    .shuffled(entries)
    .map(([name, value]) => `${key(choice, name)}${equals(choice)}${value}`)
    .join(choice.of([", ", ",", " , "]))} }`;

function rootManifest(choice: Choice): string {
  const members = `[${["crates/core", "crates/cli"].map((each) => simple(choice, each)).join(choice.of([", ", ",\n  ", `, # ${V}\n`]))}]`;
  const version = quoted(choice, slot);
  const decoys =
    header(choice, "workspace", "metadata") +
    line(choice, key(choice, "version"), simple(choice, V)) +
    line(choice, key(choice, V), simple(choice, V)) +
    line(choice, "text", `"""\n[workspace.package]\nversion = "${V}"\n"""`);
  const pins = dependencies(choice, ["workspace", "dependencies"], ["core"]);
  const packages = choice.of<() => string>([
    () =>
      header(choice, "workspace") +
      line(choice, "members", members) +
      header(choice, "workspace", "package") +
      line(choice, key(choice, "version"), version),
    () =>
      header(choice, "workspace") +
      line(choice, dotted(choice, "package", "version"), version) +
      line(choice, "members", members),
    () =>
      line(choice, dotted(choice, "workspace", "package", "version"), version) +
      line(choice, dotted(choice, "workspace", "members"), members),
    () =>
      header(choice, "workspace") +
      line(choice, "members", members) +
      line(
        choice,
        "package",
        inline(choice, [
          ["edition", '"2024"'],
          ["version", simple(choice, slot)],
          ["description", `"${V}"`],
        ]),
      ),
  ])();
  return `${blank(choice)}${packages}${choice.of([decoys, ""])}${choice.of([pins, ""])}${choice.of([`# ${V}`, ""])}`;
}

/** A table of dependencies on siblings, and on other packages at the same version. */
function dependencies(
  choice: Choice,
  table: readonly string[],
  siblings: readonly string[],
): string {
  // A bump leaves a range that admits the version, as a development dependency may state it.
  const signs = table.at(-1) === "dev-dependencies" ? ["=", "= "] : ["", "", "=", "^", "= ", " "];
  const requirement = (version: string) => choice.of(signs) + version;
  const entry = (name: string, version: string, isSibling: boolean): string => {
    const value = simple(choice, requirement(version));
    const path: readonly (readonly [string, string])[] = isSibling
      ? [["path", simple(choice, `../${name}`)]]
      : [["registry", `"${V}"`]];
    return choice.of<() => string>([
      () => line(choice, key(choice, name), value),
      () => line(choice, key(choice, name), inline(choice, [["version", value], ...path])),
      () =>
        line(choice, dotted(choice, name, "version"), value) +
        line(choice, dotted(choice, name, "optional"), "false"),
      () =>
        line(
          choice,
          key(choice, `renamed-${name}`),
          inline(choice, [["version", value], ["package", simple(choice, name)], ...path]),
        ),
    ])();
  };
  return (
    header(choice, ...table) +
    line(choice, key(choice, "serde"), simple(choice, V)) +
    siblings.map((name) => entry(name, slot, true)).join(blank(choice)) +
    choice.of([entry("other", V, false), ""])
  );
}

function crateManifest(choice: Choice, name: string, siblings: readonly string[]): string {
  const version = choice.of<() => string>([
    () => line(choice, dotted(choice, "version", "workspace"), "true"),
    () => line(choice, "version", inline(choice, [["workspace", "true"]])),
    () => line(choice, key(choice, "version"), quoted(choice, slot)),
  ])();
  const head =
    header(choice, "package") +
    line(choice, "name", simple(choice, name)) +
    version +
    choice.of([line(choice, "description", `'''\nversion = "${V}"'''`), ""]);
  const tables = choice.some([
    ["dependencies"],
    ["dev-dependencies"],
    ["build-dependencies"],
    ["target", "cfg(unix)", "dependencies"],
  ]);
  return head + tables.map((table) => dependencies(choice, table, siblings)).join("");
}

function lockFile(choice: Choice): string {
  const entry = (name: string, version: string, more = "") =>
    `\n[[package]]\nname = "${name}"\nversion = "${version}"\n${more}`;
  const registry = 'source = "registry+https://github.com/rust-lang/crates.io-index"\n';
  const published = choice.of([true, false]);
  const core = published ? `core ${slot}` : "core";
  return [
    "# This file is automatically @generated by Cargo.\nversion = 4\n",
    entry("cli", slot, `dependencies = [\n "${core}",\n "serde",\n]\n`),
    entry("core", slot),
    ...(published ? [entry("core", "1.2.8", registry)] : []),
    entry("serde", V, registry),
    entry("other", V),
  ].join("");
}

// YAML

function chart(choice: Choice): string {
  const text = (value: string) => choice.of([value, `"${value}"`, `'${value}'`]);
  const end = () => choice.of(["", "", ` # ${V}`, ` # version: ${V}`]);
  const digest = choice.of(["", "", `@sha256:${"0".repeat(64)}`]);
  const image = (name: string, version: string) =>
    choice.of(["", '"', "'"]).replace(/^(.*)$/, `$1ghcr.io/owner/${name}:${version}${digest}$1`);
  const list = choice.of([
    [
      `- name: ${V}`,
      `  image: ${image("perf-sentinel", slot)}${end()}`,
      "- name: sidecar",
      `  image: ${image("sidecar", V)}`,
    ],
    [`- {image: ${image("perf-sentinel", slot)}, name: x}`, `# ${V}`],
    [`- image: ${image("perf-sentinel", slot)}`, "  platforms: [linux/amd64]"],
  ]);
  const rows = choice.some([
    [`description: "version: ${V}"`],
    [`kubeVersion: ">=1.24.0-0"${end()}`],
    ["dependencies:", "  - name: redis", `    version: ${V}`],
    ["notes: |", `  version: ${V}`, `  appVersion: "${V}"`],
  ]);
  return [
    ["apiVersion: v2"],
    ["name: perf-sentinel"],
    [
      `${choice.of(["version", '"version"', "'version'"])}:${choice.of([" ", "   "])}${text(slot)}${end()}`,
    ],
    [`appVersion: ${text(slot)}${end()}`],
    ...rows,
    [
      "annotations:",
      `  note: "${V}"`,
      `  artifacthub.io/images: ${choice.of(["|", "|-", "|2"])}`,
      ...list.map((each) => `    ${each}`),
    ],
  ]
    .flat()
    .map((each) => `${each}\n`)
    .join("");
}
