/** Worlds that are copied often, and what can be told of them without asking git. */

import {
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { ReleaseWorld } from "./release.ts";
import { scratchOf } from "./world.ts";

/** A copy of a world, where a case may do as it likes. */
export interface Copy {
  readonly home: string;
  readonly root: string;
  readonly bare: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Makes a world one of few files, from which copies are made. */
export async function pack(world: ReleaseWorld): Promise<Copy> {
  const { git, root, bare, home } = world;
  await Promise.all([
    git("repack", "-a", "-d", "--quiet"),
    git("--git-dir", bare, "repack", "-a", "-d", "--quiet"),
  ]);
  for (const folder of [join(root, ".git"), bare]) {
    for (const unused of ["hooks", "logs", "description", "COMMIT_EDITMSG", "FETCH_HEAD"]) {
      rmSync(join(folder, unused), { recursive: true, force: true });
    }
  }
  return { home, root, bare, env: world.env };
}

/** Copies a world, without its temporary files, into a folder that does not exist yet. */
export function copyOf(original: Copy, home: string): Copy {
  const moved = (text: string) => text.replaceAll(original.home, home);
  const scratch = scratchOf(original.home);
  mkdirSync(home);
  for (const { path, isDirectory } of entriesBelow(original.home)) {
    if (path.startsWith(`${scratch}/`)) {
      continue;
    }
    if (isDirectory) {
      mkdirSync(moved(path));
    } else {
      copyFileSync(path, moved(path));
    }
  }
  const root = moved(original.root);
  const config = join(root, ".git/config");
  writeFileSync(config, moved(readFileSync(config, "utf8")));
  const env = Object.entries(original.env).map(([name, value]) => [name, moved(value)]);
  return { home, root, bare: moved(original.bare), env: Object.fromEntries(env) };
}

/** Everything that a later run could find in a world, as one text. */
export function stateOf(copy: Pick<Copy, "home">): string {
  const { home } = copy;
  const scratch = `${scratchOf(home)}/`;
  const parts = entriesBelow(home)
    .filter(({ path, isDirectory }) => !isDirectory && !path.startsWith(scratch))
    .map(({ path }) => {
      // An object's name tells its content. An index and a reflog tell of times.
      const opaque = /\/objects\/|\/logs\/|\/index$/.test(path);
      return `${path}\n${opaque ? "" : readFileSync(path, "utf8")}`;
    });
  return Bun.hash(parts.join("\0").replaceAll(home, "~")).toString(36);
}

/** The files and folders of a world as the file system knows them: the same if none was written. */
export function fingerprintOf({ home }: Pick<Copy, "home">): string {
  return Bun.hash([...marksBelow(home)].join("\0")).toString(36);
}

/** What the file system knows of each file and folder, by path: another mark once a file is written. */
export type Marks = ReadonlyMap<string, string>;

/** The mark of every folder. */
export const folderMark = "folder";

export function marksBelow(folder: string): Marks {
  const marks = entriesBelow(folder).map(({ path, isDirectory }) => {
    if (isDirectory) {
      return [path, folderMark] as const;
    }
    const { ino, size, mtimeNs } = lstatSync(path, { bigint: true });
    return [path, `${ino} ${size} ${mtimeNs}`] as const;
  });
  return new Map(marks);
}

/** Everything below a folder, a folder before what it holds. */
export function entriesBelow(
  folder: string,
): { readonly path: string; readonly isDirectory: boolean }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => ({
      path: join(entry.parentPath, entry.name),
      isDirectory: entry.isDirectory(),
    }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}
