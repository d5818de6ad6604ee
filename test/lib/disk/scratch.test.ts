import { expect, test } from "bun:test";
import { makeScratchFolder } from "../../../scripts/lib/disk/scratch.ts";

test("where no temporary folder can be made, the refusal says where and what to change", () => {
  const make = () => makeScratchFolder("x-", { env: { TMPDIR: "none" }, cwd: "/nonexistent" });
  expect(make).toThrow(/^Cannot make a temporary folder in \/nonexistent\/none: /);
});
