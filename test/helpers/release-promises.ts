/** The promises of a release, judged from outside: by both repositories, and by what was said. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { layout } from "../../scripts/lib/layout.ts";
import type { ReleaseWorld } from "./release.ts";
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

/** Reads both repositories of a world, and the files that no release may write. */
export async function look(world: ReleaseWorld): Promise<Seen> {
  const { home, root, bare } = world;
  const read = (path: string) => readFileSync(path, "utf8").replaceAll(home, "~");
  // Read before anything is waited for: what a process leaves is what it leaves at its end.
  const now = {
    head: readFileSync(join(root, ".git/HEAD"), "utf8"),
    kept: {
      ledger: read(join(root, layout.ledger)),
      "configuration of the checkout": read(join(root, ".git/config")),
      "configuration of the operator": read(join(home, ".gitconfig")),
      "configuration of the remote": read(join(bare, "config")),
    },
    leftovers: readdirSync(world.scratch),
  };
  const [here, there] = await Promise.all([refsOf(world, root), refsOf(world, bare)]);
  const signed = new Set<string>();
  for (const [where, folder, refs] of [
    ["here", root, here],
    ["there", bare, there],
  ] as const) {
    for (const ref of tagsOf(refs)) {
      const id = refs[ref]?.id ?? "";
      const verdict = verdicts.get(id) ?? isSigned(world, folder, id);
      verdicts.set(id, verdict);
      if (await verdict) {
        signed.add(`${where} ${ref}`);
      }
    }
  }
  return { ...now, here, there, signed };
}

/** Whether the signature of a tag is good, by the name of the object, which tells its content. */
const verdicts = new Map<string, Promise<boolean>>();

async function refsOf({ env }: ReleaseWorld, folder: string): Promise<Refs> {
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

async function isSigned({ home, env }: ReleaseWorld, folder: string, id: string): Promise<boolean> {
  const signers = `gpg.ssh.allowedSignersFile=${join(home, "signers")}`;
  const command = ["git", "-c", "gpg.format=ssh", "-c", signers, "verify-tag", id];
  return (await start(command, { cwd: folder, env })).code === 0;
}

/** What a release is to bring about. */
export interface Aim {
  readonly tag: string;
  /** The commit that is released. */
  readonly commit: string;
  /** The branch that holds it on the remote; default: main. */
  readonly branch?: string | undefined;
}

const branchOf = ({ branch = layout.mainBranch }: Aim) => `refs/heads/${branch}`;

/** Whether a release is complete: the same signed tag here and there, its commit on its branch. */
export function isComplete({ here, there, signed }: Seen, aim: Aim): boolean {
  const { tag, commit } = aim;
  const ref = `refs/tags/${tag}`;
  return (
    there[branchOf(aim)]?.commit === commit &&
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
  const branch = branchOf(aim);
  const branchHere = branch.replace("heads", `remotes/${layout.remote}`);
  const tip = after.there[branch]?.commit;
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
    [!(ref in after.there) || tip === commit, "the tag is on the remote, its commit not"],
    [
      tip === commit || tip === before.there[branch]?.commit,
      "the remote's branch is neither the old nor the released commit",
    ],
    [sameBut([branch, ref], before.there, after.there), "another ref of the remote changed"],
    [sameBut([branchHere, ref], before.here, after.here), "another ref of the checkout changed"],
    [keeps(before.here, after.here, ref), "the tag that an earlier run made is not here any more"],
    [keeps(before.there, after.there, ref), "a tag that was on the remote is not there any more"],
    [
      !(ref in after.there) || ref in before.there || ref in after.here,
      "the tag that was pushed is not here any more",
    ],
    [
      !/exists neither locally nor on/.test(words) || !(ref in after.here || ref in after.there),
      "'exists neither locally nor on the remote', and it does",
    ],
    [
      !/ is as it was/.test(words) || tip === before.there[branch]?.commit,
      "the branch is said to be as it was, and is not",
    ],
    [before.head === after.head, "HEAD changed"],
    [ended.code !== 0 || complete, "exit code 0 without a complete release"],
    [[0, 1, 130, 137].includes(ended.code), `exit code ${ended.code}`],
    [ended.code !== 1 || /^ {2}fix: \S/m.test(ended.stderr), "a refusal that names no way out"],
    [ended.code !== 130 || ended.stderr.includes("Interrupted: "), "an end without a word"],
    [
      !/nothing was changed/i.test(words) || Bun.deepEquals(refsIn(before), refsIn(after)),
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

/** Whether a ref that was there names the same object still. */
function keeps(before: Refs, after: Refs, ref: string): boolean {
  return before[ref] === undefined || before[ref].id === after[ref]?.id;
}

function refsIn({ here, there }: Seen) {
  return { here, there };
}

/** Whether two sets of refs agree in all but some. */
function sameBut(names: readonly string[], before: Refs, after: Refs): boolean {
  const rest = (refs: Refs) => Object.entries(refs).filter(([name]) => !names.includes(name));
  return Bun.deepEquals(Object.fromEntries(rest(before)), Object.fromEntries(rest(after)));
}
