/** Parses container image references, by the grammar of container runtimes. */

import { quote } from "../finding.ts";

/** The parts of an image reference, with Docker Hub's defaults filled in. */
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
/** Longer than any legal reference, and short enough for patterns that backtrack. */
const longest = 1024;

/** Reports whether a text is a SHA-256 or SHA-512 digest, as in the OCI image specification. */
export function isDigest(text: string): boolean {
  return /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.test(text);
}

/**
 * Parses an image reference: `[host[:port]/]path[:tag][@digest]`.
 *
 * @param text Such as `ghcr.io/robintra/perf-sentinel:0.11.1` or `alpine`.
 * @throws {SyntaxError} If a container runtime could not read it.
 */
export function parseImageReference(text: string): ImageReference {
  const expectForm = (expected: string, fits: boolean, found: string) => {
    if (!fits) {
      const what = `Cannot read image reference ${quote(text)}: found ${quote(found)}`;
      throw new SyntaxError(`${what}, expected ${expected}`);
    }
  };
  expectForm(`at most ${longest} characters`, text.length <= longest, text);
  const at = text.indexOf("@");
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(":");
  const hasTag = colon > named.lastIndexOf("/") && !named.endsWith("]");
  const digest = at < 0 ? {} : { digest: text.slice(at + 1) };
  const tag = hasTag ? { tag: named.slice(colon + 1) } : {};
  const { registry, repository } = splitName(hasTag ? named.slice(0, colon) : named);

  expectForm("a registry host with an optional port", isHost(registry), registry);
  const isPath = path.test(repository) && repository.length <= 255;
  expectForm("a lower-case repository path", isPath, repository);
  expectForm("a tag", tagForm.test(tag.tag ?? "latest"), tag.tag ?? "");
  const isNamed = digest.digest === undefined || isDigest(digest.digest);
  expectForm("a sha256 or sha512 digest", isNamed, digest.digest ?? "");
  return { registry, repository, ...tag, ...digest };
}

/** Returns a reference as text, with the tag `latest` if it has neither tag nor digest. */
export function nameOf({ registry, repository, tag, digest }: ImageReference): string {
  const tagged = tag ?? (digest === undefined ? "latest" : undefined);
  const ends = [tagged && `:${tagged}`, digest && `@${digest}`];
  return `${registry}/${repository}${ends.filter((end) => end !== undefined).join("")}`;
}

/** Splits a name as Docker does: a first part that cannot be a path component names a host. */
function splitName(name: string): { registry: string; repository: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  const isHost = /[.:[A-Z]/.test(first) || first === "localhost";
  const repository = isHost ? name.slice(slash + 1) : name;
  if (isHost && first !== dockerHub && first !== "index.docker.io") {
    return { registry: first, repository };
  }
  // Docker Hub keeps images without an owner under `library/`.
  const isOfficial = repository !== "" && !repository.includes("/");
  return { registry: dockerHub, repository: isOfficial ? `library/${repository}` : repository };
}

function isHost(text: string): boolean {
  const match = host.exec(text);
  return match !== null && Number(match[1] ?? 0) <= 65_535;
}
