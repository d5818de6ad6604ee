import { dlopen } from "bun:ffi";
import { expect, test } from "bun:test";
import {
  chmodSync,
  closeSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Day } from "../../../scripts/lib/calendar.ts";
import { lockFile } from "../../../scripts/lib/disk/change-files.ts";
import { appendRow, refuseUnfitLedger, repairRow } from "../../../scripts/lib/disk/ledger-file.ts";
import type { Validation } from "../../../scripts/lib/files/ledger.ts";
import { attempt, error } from "../../../scripts/lib/finding.ts";
import { layout } from "../../../scripts/lib/layout.ts";
import { projectRoot, temporaryFolder, testRepository, writeFiles } from "../../helpers/world.ts";

const today = "2026-08-07" as Day;
const validation: Validation = { tag: "v1.2.3", sha: "abcdef1", date: today, verdict: "PASS" };
const row = "v1.2.3\tabcdef1\t2026-08-07\tPASS";
const old = "v1.2.2\tabcdef0\t2026-08-01\tPASS";

/** Appends to a ledger with that content; returns the new content, and the line or the refusal. */
async function append(content: string | Uint8Array) {
  using folder = temporaryFolder();
  const path = join(folder.path, "ledger.txt");
  writeFileSync(path, content);
  const { value: line, findings } = await attempt(() =>
    appendRow(path, validation, today, "ledger.txt"),
  );
  const refused = findings?.map(({ message }) => message).join("\n");
  return { line, refused, after: readFileSync(path, "utf8") };
}

test.each([
  ["an empty ledger", "", `${row}\n`, 1],
  ["a ledger with its final newline", `# x\n${old}\n`, `# x\n${old}\n${row}\n`, 3],
  ["a ledger without its final newline", `# x\n${old}`, `# x\n${old}\n${row}\n`, 3],
  ["a ledger that ends in a comment", `${old}\n# x`, `${old}\n# x\n${row}\n`, 3],
  ["a CRLF ledger", `# x\r\n${old}\r\n`, `# x\r\n${old}\r\n${row}\r\n`, 3],
  ["a CRLF ledger without its final newline", `# x\r\n${old}`, `# x\r\n${old}\r\n${row}\r\n`, 3],
  ["a CRLF ledger cut in its final newline", `# x\r\n${old}\r`, `# x\r\n${old}\r\n${row}\r\n`, 3],
  ["a ledger of mixed line endings", `# x\r\n${old}\n`, `# x\r\n${old}\n${row}\n`, 3],
  ["a ledger with a byte order mark", `\ufeff${old}\n`, `\ufeff${old}\n${row}\n`, 2],
  ["a ledger with that very row", `${row}\n`, `${row}\n${row}\n`, 2],
  ["a ledger with a malformed row further up", `x\n${old}\n`, `x\n${old}\n${row}\n`, 3],
])("%s gets one more line, in its own style", async (_, before, after, line) => {
  expect(await append(before)).toMatchObject({ line, after });
});

test("bytes that are not UTF-8 stay as they are", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "ledger.txt");
  const before = Buffer.from(`# \xff\xfe\n${old}\n`, "latin1");
  writeFileSync(path, before);
  await appendRow(path, validation, today);
  expect(readFileSync(path)).toEqual(Buffer.concat([before, Buffer.from(`${row}\n`)]));
});

test.each([
  ["a torn row", `${old}\nv1.2.3\tabc`, [2]],
  ["two malformed rows", `${old}\nx\n\n# comment\ny\n`, [2, 5]],
  ["nothing but a malformed row", "x\n", [1]],
  ["a row of tomorrow", "v1.2.2\tabcdef0\t2026-08-08\tPASS\n", [1]],
  ["what another encoding left", Buffer.from(`${row}\n`, "utf16le"), [1, 2]],
])("a ledger that ends with %s is refused and stays as it is", async (_, before, lines) => {
  const { after, refused, line } = await append(before);
  expect(line).toBeUndefined();
  expect(after).toBe(Buffer.from(before).toString());
  expect(
    [...(refused ?? "").matchAll(/^Cannot append to ledger.txt: line ([0-9]+) /gm)].map((match) =>
      Number(match[1]),
    ),
  ).toEqual(lines);
});

test("what ends a ledger malformed comes with its way out", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "ledger.txt");
  writeFileSync(path, `${old}\nx\n`);
  const { findings } = await attempt(() => appendRow(path, validation, today));
  expect(findings).toEqual([
    error(
      `Cannot append to ${path}: line 2 at its end is malformed: found 1 column, expected 4 separated by tabs`,
      {
        at: { file: path, line: 2, column: 1 },
        remedy: "Remove line 2, and record its lab run again",
      },
    ),
  ]);
});

test("a ledger that is not there is refused, and not created", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "ledger.txt");
  await expect(appendRow(path, validation, today, "ledger.txt")).rejects.toThrow(
    /^ledger ledger\.txt not found\.$/,
  );
  expect(await Bun.file(path).exists()).toBe(false);
});

test("what is no regular file is refused", async () => {
  using folder = temporaryFolder();
  await expect(appendRow(folder.path, validation, today, "here")).rejects.toMatchObject({
    message: "Cannot write here: found a folder, expected a file",
    findings: [{ remedy: "Put a file in place of the folder here, or move it away" }],
  });
});

test.each([
  ["a symbolic link", "link.txt", "target.txt", "link.txt"],
  ["a link into git's own", "link.txt", ".git/info/exclude", "link.txt"],
  ["a file behind a link", "release-gate", "real", layout.ledger],
])("%s is refused as a ledger, and nothing is written", async (_, link, target, named) => {
  using folder = temporaryFolder();
  const files = ["target.txt", ".git/info/exclude", "real/lab-validations.txt"];
  writeFiles(folder.path, Object.fromEntries(files.map((file) => [file, `${old}\n`])));
  const kind = link === named ? "file" : "folder";
  symlinkSync(target, join(folder.path, link));
  const append = appendRow(join(folder.path, named), validation, today, "here");
  await expect(append).rejects.toMatchObject({
    message: `Cannot write here: found the symbolic link ${link} to ${target}, expected a plain ${kind}`,
    findings: [{ remedy: `Put a ${kind} in place of the symbolic link ${link}, or move it away` }],
  });
  for (const file of files) {
    expect(readFileSync(join(folder.path, file), "utf8")).toBe(`${old}\n`);
  }
});

test("a file in a git directory is no ledger", async () => {
  await using product = await testRepository();
  const path = join(product.root, ".git/info/exclude");
  writeFiles(product.root, { ".git/info/exclude": "# ours\n" });
  await expect(appendRow(path, validation, today, "here")).rejects.toThrow(
    "Cannot write here: found a file in a git directory, expected a ledger",
  );
  expect(readFileSync(path, "utf8")).toBe("# ours\n");
});

test("a link above the checkout may lead to a ledger", async () => {
  await using product = await testRepository();
  writeFiles(product.root, { "gate/ledger.txt": `${old}\n` });
  const link = join(product.home, "link");
  symlinkSync(product.root, link);
  expect(await appendRow(join(link, "gate/ledger.txt"), validation, today)).toBe(2);
});

/** A program that takes the lock of the folder of a ledger, and says so. */
const holder = `
import { openSync } from "node:fs";
import { lockFile } from ${JSON.stringify(join(projectRoot, "scripts/lib/disk/change-files.ts"))};
await lockFile(openSync(process.argv[2], "r"), 0);
process.stdout.write("held");
setInterval(() => {}, 1000);
`;

async function startHolder(folder: string) {
  const script = join(folder, "holder.ts");
  writeFileSync(script, holder);
  const child = Bun.spawn([process.execPath, script, folder], { stdout: "pipe" });
  const { value } = await child.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("held");
  return child;
}

test("a repair changes its row and no other byte, keeps the permissions, and waits for the lock", async () => {
  await using repository = await testRepository();
  const path = join(repository.root, layout.ledger);
  const torn = row.replaceAll("\t", " ");
  const bytes = (line: string) => Buffer.from(`\ufeff# \xff\r\n${line}\r\n\n# end`, "latin1");
  writeFiles(repository.root, { [layout.ledger]: bytes(torn) });
  chmodSync(path, 0o640);
  const child = await startHolder(repository.root);
  let done = false;
  const repaired = repairRow(repository, 2, today).finally(() => {
    done = true;
  });
  await Bun.sleep(50);
  expect([done, readFileSync(path)]).toEqual([false, bytes(torn)]);
  child.kill("SIGKILL");
  expect(await repaired).toBe(row);
  expect(readFileSync(path)).toEqual(bytes(row));
  expect(statSync(path).mode & 0o777).toBe(0o640);
});

test("an append waits for a holder of the lock, even a killed one, and reads the ledger then", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "ledger.txt");
  writeFileSync(path, `${old}\n`);
  writeFileSync(join(folder.path, "new.txt"), `# new\n${old}\n`);
  const child = await startHolder(folder.path);
  const appended = appendRow(path, validation, today);
  await Bun.sleep(30);
  expect(readFileSync(path, "utf8")).toBe(`${old}\n`);
  renameSync(join(folder.path, "new.txt"), path);
  child.kill("SIGKILL");
  expect(await appended).toBe(3);
  expect(readFileSync(path, "utf8")).toBe(`# new\n${old}\n${row}\n`);
});

test("an append that never gets the lock is refused, and nothing is written", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "ledger.txt");
  writeFileSync(path, `${old}\n`);
  const holding = openSync(folder.path, "r");
  const { sleep } = Bun;
  // All of its patience passes at once.
  Bun.sleep = async () => {};
  try {
    expect(await lockFile(holding, 0)).toBe(true);
    await expect(appendRow(path, validation, today, "ledger.txt")).rejects.toThrow(
      "Cannot write: another run is replacing files of this checkout",
    );
  } finally {
    Bun.sleep = sleep;
    closeSync(holding);
  }
  expect(readFileSync(path, "utf8")).toBe(`${old}\n`);
});

test("a row that does not read back as an entry is not confirmed", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "ledger.txt");
  writeFileSync(path, `${old}\n`);
  const tomorrow = { ...validation, date: "2026-08-08" as Day };
  await expect(appendRow(path, tomorrow, today, "ledger.txt")).rejects.toMatchObject({
    message: "Cannot confirm the new row of ledger.txt: it does not read back as written",
    findings: [{ remedy: "Compare the end of ledger.txt with: git diff" }],
  });
});

/** Lets no file of this process grow beyond a size, which stands for a full disk. Returns what takes the limit away. */
function limitFiles(size: number): () => void {
  const library = process.platform === "darwin" ? "libSystem.B.dylib" : "libc.so.6";
  const { symbols } = dlopen(library, {
    getrlimit: { args: ["i32", "ptr"], returns: "i32" },
    setrlimit: { args: ["i32", "ptr"], returns: "i32" },
  });
  // RLIMIT_FSIZE of <sys/resource.h>, the same on Linux and macOS; two numbers: the limit and its own.
  const fileSize = 1;
  const usual = new BigUint64Array(2);
  expect(symbols.getrlimit(fileSize, usual)).toBe(0);
  const limited = usual.with(0, BigInt(size));
  // A write with no room at all is told by a signal as well, which would end this process.
  const ignore = () => {};
  process.on("SIGXFSZ" as NodeJS.Signals, ignore);
  expect(symbols.setrlimit(fileSize, limited)).toBe(0);
  return () => {
    symbols.setrlimit(fileSize, usual);
    process.off("SIGXFSZ" as NodeJS.Signals, ignore);
  };
}

test("a full disk leaves the ledger as it was, and long work learns of it before it begins", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "ledger.txt");
  const before = `#${"x".repeat(2 ** 20)}\n`;
  writeFileSync(path, before);
  const refused = /^Cannot write: .*; every file is as it was before$/;
  const lift = limitFiles(before.length + 24);
  try {
    await expect(appendRow(path, validation, today)).rejects.toThrow(refused);
  } finally {
    lift();
  }
  expect(readFileSync(path, "utf8") === before).toBe(true);
  const liftAll = limitFiles(0);
  try {
    await expect(refuseUnfitLedger(path, today)).rejects.toThrow(refused);
  } finally {
    liftAll();
  }
  await refuseUnfitLedger(path, today);
});
