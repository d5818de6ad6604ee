/** Container image references, by the grammar that container runtimes read them with. */

import { quote } from "../finding.ts";

/** An image reference in its parts, with Docker Hub's defaults written out. */
export interface ImageReference {
  /** Host with an optional port, such as `ghcr.io`, `localhost:5000` or `docker.io`. */
  readonly registry: string;
  /** Path in the registry, such as `robintra/perf-sentinel` or `library/alpine`. */
  readonly repository: string;
  readonly tag?: string;
  /** Such as `sha256:` and 64 hex digits. */
  readonly digest?: string;
}

const dockerHub = "docker.io";

const label = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?";
const host = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[0-9A-Fa-f:]+\\])(?::([0-9]{1,5}))?$`);
const component = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const path = new RegExp(`^${component}(?:/${component})*$`);
const tagForm = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
/** The algorithms that the OCI image specification registers; runtimes know no others. */
const digestForm = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;
/** Longer than any legal reference, and short enough for patterns that go back and forth. */
const longest = 1024;

/**
 * Reads an image reference: `[host[:port]/]path[:tag][@digest]`.
 *
 * @param text Such as `ghcr.io/robintra/perf-sentinel:0.11.1` or `alpine`.
 * @throws {SyntaxError} If a runtime could not read it.
 */
export function parseImageReference(text: string): ImageReference {
  expectForm(text, `at most ${longest} characters`, text.length <= longest, text);
  const at = text.indexOf("@");
  const digest = at < 0 ? undefined : text.slice(at + 1);
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(":");
  const hasTag = colon > named.lastIndexOf("/") && !named.endsWith("]");
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  const { registry, repository } = splitName(hasTag ? named.slice(0, colon) : named);

  expectForm(text, "a registry host with an optional port", isHost(registry), registry);
  const isPath = path.test(repository) && repository.length <= 255;
  expectForm(text, "a lower-case repository path", isPath, repository);
  expectForm(text, "a tag", tag === undefined || tagForm.test(tag), tag ?? "");
  const isDigest = digest === undefined || digestForm.test(digest);
  expectForm(text, "a sha256 or sha512 digest", isDigest, digest ?? "");
  return {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** Splits a name as Docker does: a first part that cannot be a path component names a host. */
function splitName(name: string): { registry: string; repository: string } {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  if (/[.:[A-Z]/.test(first) || first === "localhost") {
    const registry = first === "index.docker.io" ? dockerHub : first;
    return { registry, repository: official(registry, name.slice(slash + 1)) };
  }
  return { registry: dockerHub, repository: official(dockerHub, name) };
}

/** Docker Hub keeps images without an owner under `library/`. */
function official(registry: string, repository: string): string {
  return registry === dockerHub && repository !== "" && !repository.includes("/")
    ? `library/${repository}`
    : repository;
}

function isHost(text: string): boolean {
  const match = host.exec(text);
  return match !== null && (match[1] === undefined || Number(match[1]) <= 65_535);
}

function expectForm(text: string, expected: string, fits: boolean, found: string): void {
  if (!fits) {
    throw new SyntaxError(
      `Cannot read image reference ${quote(text)}: found ${quote(found)}, expected ${expected}`,
    );
  }
}
