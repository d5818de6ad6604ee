/** Histories of many tags, made at once by one `git fast-import`. */

import type { TestRepository } from "./world.ts";

/** A tag of a commit, or of a file. */
export interface MadeTag {
  readonly tag: string;
  /** The moment of the tag, as an ISO text. */
  readonly at: string;
  /** The default is an annotated tag without a signature. */
  readonly signature?: "signed" | "lightweight";
  readonly message?: string;
}

/** A commit on main, or beside it. */
export interface MadeCommit {
  readonly at: string;
  readonly files: Readonly<Record<string, string>>;
  readonly beside?: boolean;
  readonly tags: readonly MadeTag[];
}

/** What stands for a signature: an audit tells that there is one, and not whether it is good. */
const armour = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n";

/** Makes commits, each with all its files, one after another. */
export async function makeHistory(
  { root, env }: TestRepository,
  commits: readonly MadeCommit[],
): Promise<void> {
  const parts: string[] = [];
  let parent: number | undefined;
  for (const [index, { at, files, beside, tags }] of commits.entries()) {
    const mark = index + 1;
    parts.push(
      `commit refs/heads/${beside ? "side" : "main"}\nmark :${mark}\n`,
      `committer Tester <tester@example.invalid> ${seconds(at)} +0000\n`,
      data(`Commit ${mark}`),
      parent === undefined ? "" : `from :${parent}\n`,
      "deleteall\n",
      ...Object.entries(files).map(([path, text]) => `M 100644 inline ${path}\n${data(text)}`),
      ...tags.map((tag) => tagCommand(tag, mark)),
    );
    parent = beside ? parent : mark;
  }
  const child = Bun.spawn(["git", "fast-import", "--quiet", "--force"], {
    cwd: root,
    env,
    stdin: new TextEncoder().encode(parts.join("")),
    stdout: "ignore",
    stderr: "pipe",
  });
  const words = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) {
    throw new Error(`git fast-import: ${words}`);
  }
}

function tagCommand({ tag, at, signature, message }: MadeTag, mark: number): string {
  if (signature === "lightweight") {
    return `reset refs/tags/${tag}\nfrom :${mark}\n\n`;
  }
  const words = `${message ?? tag}\n${signature === "signed" ? armour : ""}`;
  const tagger = `tagger Tester <tester@example.invalid> ${seconds(at)} +0000\n`;
  return `tag ${tag}\nfrom :${mark}\n${tagger}${data(words)}`;
}

function data(text: string): string {
  return `data ${Buffer.byteLength(text)}\n${text}\n`;
}

function seconds(at: string): number {
  return Date.parse(at) / 1000;
}
