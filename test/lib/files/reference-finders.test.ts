import { expect, test } from "bun:test";
import { lockedIn } from "../../../scripts/lib/files/reference-finders.ts";
import { LocatedSyntaxError } from "../../../scripts/lib/finding.ts";
import { source } from "../../../scripts/lib/tree.ts";
import type { Version } from "../../../scripts/lib/version.ts";

const names = new Set(["tool", "tool-core"]);
const locked = (text: string) =>
  lockedIn(source("Cargo.lock", text), names).map(({ what, written, site }) => {
    const change = site.kind === "value" ? site.change("1.3.0" as Version) : undefined;
    return { [what]: written, path: change?.path.join("."), at: change?.at };
  });

test("packages of the workspace are those of its names that have no source", () => {
  const text = `version = 4

[[package]]
name = "tool"
version = "1.2.9"
dependencies = ["serde", "tool-core"]

[[package]]
name = "tool-core"
version = "1.2.9"

[[package]]
name = "tool-fuzz"
version = "0.0.0"

[[package]]
name = "serde"
version = "1.2.9"
source = "registry+https://github.com/rust-lang/crates.io-index"
`;
  expect(locked(text)).toEqual([
    { tool: "1.2.9", path: "package.0.version", at: 0 },
    { "tool-core": "1.2.9", path: "package.1.version", at: 0 },
  ]);
});

test("where a published package has the same name, dependencies state the version, too", () => {
  const text = `
[[package]]
name = "tool"
version = "1.2.9"
dependencies = ["tool-core 1.0.0", "tool-core 1.2.9", "tool-core 1.2.9 (registry+x)", "serde 1.2.9"]

[[package]]
name = "tool-core"
version = "1.0.0"
source = "registry+x"

[[package]]
name = "tool-core"
version = "1.2.9"
`;
  expect(locked(text)).toEqual([
    { tool: "1.2.9", path: "package.0.version", at: 0 },
    { "tool-core": "1.2.9", path: "package.2.version", at: 0 },
    { "tool-core": "1.2.9", path: "package.0.dependencies.1", at: 10 },
  ]);
});

test("a file without packages, or with odd ones, locks nothing", () => {
  expect(locked("")).toEqual([]);
  expect(locked("package = 1")).toEqual([]);
  expect(locked('package = [1, {}, { name = "tool" }, { name = "tool", version = 1 }]')).toEqual(
    [],
  );
  expect(() => locked("[[package")).toThrow(LocatedSyntaxError);
});
