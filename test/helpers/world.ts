/** Worlds for tests: temporary folders, real git repositories, and the scripts run in them. */

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

/** The top level of this project. */
export const projectRoot = resolve(import.meta.dir, "../..");

/** Bytes of memory that must be free for tests to work in it. */
const enoughMemory = 2 ** 31;

/**
 * Where tests work: in memory where the system offers a folder of it that is large and lets programs
 * run, as a disk is what tests would wait for most; else where TMPDIR says. Its real path: macOS
 * reaches its own through a symbolic link, and git prints where that leads.
 */
export const workshop = realpathSync(
  (process.env.TMPDIR ? undefined : folderInMemory("/dev/shm")) ?? tmpdir(),
);

function folderInMemory(folder: string): string | undefined {
  if (!existsSync("/proc/mounts") || !existsSync(folder)) {
    return undefined;
  }
  const mounts = readFileSync("/proc/mounts", "utf8").split("\n");
  const mount = mounts.findLast((line) => line.split(" ")[1] === folder);
  const [, , type, rights = ""] = mount?.split(" ") ?? [];
  const { bavail, bsize } = statfsSync(folder);
  const isFit = type === "tmpfs" && !/\b(?:ro|noexec)\b/.test(rights);
  return isFit && bavail * bsize > enoughMemory ? folder : undefined;
}

/** A temporary folder that is gone when the scope ends: `using folder = temporaryFolder()`. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(workshop, "release-test-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** The moment of every commit, tag and validation in tests unless a test says otherwise. */
export const testDay = "2026-08-07";

/**
 * The environment of tests: this machine's PATH, and nothing of the operator's git, GPG, SSH or
 * GitHub configuration.
 */
export function isolatedEnvironment(home: string): Record<string, string> {
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name, value]) =>
        value !== undefined &&
        !/^(GIT_|GITHUB_|GH_|SSH_|GPG_|GNUPGHOME|LEDGER|NO_COLOR|FORCE_COLOR|CI$|XDG_)/.test(name),
    ),
  ) as Record<string, string>;
  return {
    ...inherited,
    HOME: home,
    TMPDIR: workshop,
    TERM: "dumb",
    // Bun would otherwise keep a cache below HOME, which may be the checkout that a test watches.
    BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
    GIT_CONFIG_GLOBAL: join(home, ".gitconfig"),
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_AUTHOR_DATE: `${testDay}T12:00:00Z`,
    GIT_COMMITTER_DATE: `${testDay}T12:00:00Z`,
  };
}

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

/** Runs a program to its end. */
export async function start(command: readonly string[], options: StartOptions): Promise<Ended> {
  const child = Bun.spawn([...command], {
    cwd: options.cwd,
    env: options.env ?? isolatedEnvironment(options.cwd),
    stdin: options.stdin === undefined ? "ignore" : new TextEncoder().encode(options.stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [code, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code, stdout, stderr };
}

/** Runs one of this project's scripts, named from the top level, as a process of its own. */
export function startScript(
  script: string,
  args: readonly string[],
  options: StartOptions,
): Promise<Ended> {
  return start([process.execPath, join(projectRoot, script), ...args], options);
}

/** The JSON object that a script printed with `--json`. */
export interface JsonReport {
  readonly script: string;
  readonly ok: boolean;
  readonly exitCode: number;
  readonly findings: readonly {
    readonly level: string;
    readonly message: string;
    readonly remedy?: string;
    readonly file?: string;
    readonly line?: number;
    readonly column?: number;
    readonly commit?: string;
  }[];
  // biome-ignore lint/suspicious/noExplicitAny: each script has its own data
  readonly data?: any;
}

/** Files by path; undefined removes a file. */
export type FileChanges = Readonly<Record<string, string | Uint8Array | undefined>>;

/** Writes or removes files below a folder. */
export function writeFiles(folder: string, files: FileChanges): void {
  for (const [path, content] of Object.entries(files)) {
    const target = join(folder, path);
    if (content === undefined) {
      rmSync(target, { force: true });
    } else {
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, content);
    }
  }
}

/** A real git repository in a temporary folder, isolated from the operator's configuration. */
export interface TestRepository extends AsyncDisposable {
  /** Top level of the work tree. */
  readonly root: string;
  /** The temporary folder around it, which is also HOME. */
  readonly home: string;
  /** Where programs make their temporary files. */
  readonly scratch: string;
  readonly env: Record<string, string>;
  /** Runs git, which must succeed; answers standard output without the last line feed. */
  git(...args: string[]): Promise<string>;
  /** Writes files, stages everything and commits; answers the commit. */
  commit(
    files: FileChanges,
    message?: string,
    environment?: Record<string, string>,
  ): Promise<string>;
  /** Creates a bare repository, adds it as a remote and pushes the current branch. */
  addRemote(name?: string): Promise<string>;
  /** Makes a throwaway SSH key and configures it for signing; answers the private key's path. */
  useSshKey(): Promise<string>;
}

/** What git is told in tests: who commits, and to spend no time on tidiness and power cuts. */
const gitConfiguration = `[user]
	name = Release Tester
	email = tester@example.invalid
[init]
	defaultBranch = main
[gc]
	auto = 0
[maintenance]
	auto = false
[receive]
	autogc = false
[core]
	fsync = none
`;

/** Creates a repository on branch main, without commits. */
export async function testRepository(): Promise<TestRepository> {
  const repository = openTestRepository(temporaryFolder());
  mkdirSync(repository.root);
  writeFiles(repository.home, { ".gitconfig": gitConfiguration });
  await repository.git("init", "--quiet", "--template=");
  return repository;
}

/** The commit on a branch, where it stands in a file of its own: git costs more than a look there. */
function readHead(root: string): string | undefined {
  const gitFolder = join(root, ".git");
  const head = join(gitFolder, "HEAD");
  const [, branch] = (existsSync(head) && /^ref: (.*)\n$/.exec(readFileSync(head, "utf8"))) || [];
  const file = branch === undefined ? undefined : join(gitFolder, branch);
  return file !== undefined && existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
}

/** Where programs make their temporary files in a world of a test, by the world's folder. */
export const scratchOf = (home: string) => join(home, "tmp");

/** A temporary folder as a repository; `checkout` in it is its top level. */
export function openTestRepository(folder: Disposable & { readonly path: string }): TestRepository {
  const home = folder.path;
  const root = join(home, "checkout");
  const scratch = scratchOf(home);
  mkdirSync(scratch, { recursive: true });
  const env = { ...isolatedEnvironment(home), TMPDIR: scratch };

  async function git(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await start(["git", ...args], { cwd: root, env });
    if (code !== 0) {
      throw new Error(`git ${args.join(" ")}: exit ${code}: ${stderr}`);
    }
    return stdout.replace(/\n$/, "");
  }

  return {
    root,
    home,
    scratch,
    env,
    git,
    async commit(files, message = "Change", environment = {}) {
      writeFiles(root, files);
      await git("add", "--all");
      const { code, stderr } = await start(
        ["git", "commit", "--quiet", "--allow-empty", "-m", message],
        { cwd: root, env: { ...env, ...environment } },
      );
      if (code !== 0) {
        throw new Error(`git commit: ${stderr}`);
      }
      return readHead(root) ?? (await git("rev-parse", "HEAD"));
    },
    async addRemote(name = "origin") {
      const bare = join(home, `${name}.git`);
      await git("init", "--quiet", "--bare", "--template=", bare);
      await git("remote", "add", name, bare);
      await git("push", "--quiet", name, "HEAD");
      return bare;
    },
    async useSshKey() {
      const key = join(home, "signing-key");
      const made = await start(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "throwaway", "-f", key],
        { cwd: home, env },
      );
      if (made.code !== 0) {
        throw new Error(`ssh-keygen: ${made.stderr}`);
      }
      await git("config", "gpg.format", "ssh");
      await git("config", "user.signingkey", key);
      return key;
    },
    async [Symbol.asyncDispose]() {
      folder[Symbol.dispose]();
    },
  };
}
