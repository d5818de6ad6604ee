/** The promises of a release, judged from outside: by both repositories, and by what was said. */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { layout } from "../../scripts/lib/layout.ts";
import type { Copy } from "./faults.ts";
import { type Ended, start } from "./world.ts";

/** A ref: the object that it names, and the commit that it means. */
interface Ref {
  readonly id: string;
  readonly type: string;
  readonly commit: string;
}

type Refs = Readonly<Record<string, Ref>>;

/** What can be seen of a world from outside. */
export interface Seen {
  readonly here: Refs;
  readonly there: Refs;
  readonly head: string;
  /** Tags whose signature is good, by `here` or `there` and their name. */
  readonly signed: ReadonlySet<string>;
  /** Files that no release may write, by path. */
  readonly kept: Readonly<Record<string, string>>;
  /** What is left in the folder for temporary files. */
  readonly leftovers: readonly string[];
}

const main = `refs/heads/${layout.mainBranch}`;
const mainHere = `refs/remotes/${layout.remote}/${layout.mainBranch}`;

/** Looks at a world. */
export async function look(copy: Copy): Promise<Seen> {
  const [here, there] = await Promise.all([refsOf(copy, copy.root), refsOf(copy, copy.bare)]);
  const tags = [
    ...tagsOf(here).map((ref) => ["here", copy.root, ref] as const),
    ...tagsOf(there).map((ref) => ["there", copy.bare, ref] as const),
  ];
  const signed = await Promise.all(
    tags.map(async ([where, folder, ref]) =>
      (await isSigned(copy, folder, ref)) ? [`${where} ${ref}`] : [],
    ),
  );
  const read = (path: string) => readFileSync(path, "utf8").replaceAll(copy.home, "~");
  return {
    here,
    there,
    head: readFileSync(join(copy.root, ".git/HEAD"), "utf8"),
    signed: new Set(signed.flat()),
    kept: {
      ledger: read(join(copy.root, layout.ledger)),
      "configuration of the checkout": read(join(copy.root, ".git/config")),
      "configuration of the operator": read(join(copy.home, ".gitconfig")),
      "configuration of the remote": read(join(copy.bare, "config")),
    },
    leftovers: readdirSync(join(copy.home, "tmp")),
  };
}

async function refsOf({ env }: Copy, folder: string): Promise<Refs> {
  const format = "%(refname) %(objectname) %(objecttype) %(*objectname)";
  const { code, stdout, stderr } = await start(["git", "for-each-ref", `--format=${format}`], {
    cwd: folder,
    env,
  });
  if (code !== 0) {
    throw new Error(`git for-each-ref in ${folder}: ${stderr}`);
  }
  const lines = stdout.split("\n").filter((line) => line !== "");
  return Object.fromEntries(
    lines.map((line) => {
      const [name = "", id = "", type = "", peeled = ""] = line.split(" ");
      return [name, { id, type, commit: peeled || id }];
    }),
  );
}

function tagsOf(refs: Refs): string[] {
  return Object.keys(refs).filter((name) => name.startsWith("refs/tags/"));
}

async function isSigned({ home, env }: Copy, folder: string, ref: string): Promise<boolean> {
  const signers = `gpg.ssh.allowedSignersFile=${join(home, "signers")}`;
  const command = ["git", "-c", "gpg.format=ssh", "-c", signers, "verify-tag", ref];
  return (await start(command, { cwd: folder, env })).code === 0;
}

/** What a release is to bring about. */
export interface Aim {
  readonly tag: string;
  /** The commit that is released. */
  readonly commit: string;
}

/** Whether a release is complete: the same signed tag here and there, its commit on main. */
export function isComplete({ here, there, signed }: Seen, { tag, commit }: Aim): boolean {
  const ref = `refs/tags/${tag}`;
  return (
    there[main]?.commit === commit &&
    there[ref]?.commit === commit &&
    here[ref]?.id === there[ref]?.id &&
    signed.has(`there ${ref}`)
  );
}

/** What the promises say of a world after a run that was `before` it; empty if all are kept. */
export function brokenPromises(before: Seen, after: Seen, aim: Aim, ended: Ended): string[] {
  const { tag, commit } = aim;
  const ref = `refs/tags/${tag}`;
  const complete = isComplete(after, aim);
  const remoteMain = after.there[main]?.commit;
  const killed = ended.code === 137;
  const words = `${ended.stdout}\n${ended.stderr}`;
  const rules: readonly [boolean, string][] = [
    [
      tagsOf(after.there).every(
        (each) => each in before.there || after.signed.has(`there ${each}`),
      ),
      "a tag on the remote is not signed",
    ],
    [
      tagsOf(after.here).every((each) => each in before.here || after.signed.has(`here ${each}`)),
      "a tag here is not signed",
    ],
    [!(ref in after.there) || remoteMain === commit, "the tag is on the remote, its commit not"],
    [
      remoteMain === commit || remoteMain === before.there[main]?.commit,
      "the remote's main is neither the old nor the released commit",
    ],
    [sameBut([main, ref], before.there, after.there), "another ref of the remote changed"],
    [sameBut([mainHere, ref], before.here, after.here), "another ref of the checkout changed"],
    [before.head === after.head, "HEAD changed"],
    [ended.code !== 0 || complete, "exit code 0 without a complete release"],
    [[0, 1, 130, 137].includes(ended.code), `exit code ${ended.code}`],
    [ended.code !== 1 || /^ {2}fix: \S/m.test(ended.stderr), "a refusal that names no way out"],
    [ended.code !== 130 || ended.stderr.includes("Interrupted: "), "an end without a word"],
    [
      !/nothing was changed/i.test(words) || Bun.deepEquals(tipsOf(before), tipsOf(after)),
      "'nothing was changed', and something was",
    ],
    [!/defect of the script/.test(words), "a crash"],
    [killed || after.leftovers.length === 0, `left behind: ${after.leftovers.join(", ")}`],
    ...Object.entries(before.kept).map(([name, text]): [boolean, string] => [
      after.kept[name] === text,
      `the ${name} changed`,
    ]),
  ];
  return rules.flatMap(([kept, broken]) => (kept ? [] : [broken]));
}

function tipsOf({ here, there }: Seen) {
  return { here, there };
}

/** Whether two sets of refs agree in all but some. */
function sameBut(names: readonly string[], before: Refs, after: Refs): boolean {
  const rest = (refs: Refs) => Object.entries(refs).filter(([name]) => !names.includes(name));
  return Bun.deepEquals(Object.fromEntries(rest(before)), Object.fromEntries(rest(after)));
}

/** Everything that a later run could find in both repositories, as one text. */
export function stateOf({ root, bare, home }: Copy): string {
  const files = [...filesBelow(join(root, ".git")), ...filesBelow(bare)].sort();
  const parts = files.map((file) => {
    // An object's name tells its content. An index and a reflog tell of times.
    const opaque = /\/objects\/|\/logs\/|\/index$/.test(file);
    return `${file}\n${opaque ? "" : readFileSync(file, "utf8")}`;
  });
  return Bun.hash(parts.join("\0").replaceAll(home, "~")).toString(36);
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((path) => join(folder, path))
    .filter((path) => statSync(path).isFile());
}
