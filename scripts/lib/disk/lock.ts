/** Kernel locks on open files: they end with their holder, whatever ends it. */

import { dlopen, FFIType } from "bun:ffi";
import { refusal } from "../finding.ts";

/** `LOCK_EX | LOCK_NB` of <sys/file.h>, the same on Linux and macOS. */
const exclusiveAtOnce = 2 | 4;

/** Milliseconds between two attempts. */
const pause = 10;

/**
 * Takes the one exclusive lock on an open file. Closing the descriptor gives it back, and so does
 * any end of the process, SIGKILL included: a lock file could not promise that.
 *
 * @param patience Milliseconds to wait for another holder.
 * @param platform This one, if it is not a test's.
 * @returns Whether the lock was taken.
 * @throws {Refusal} If this platform has no such locks.
 */
export async function lockFile(
  descriptor: number,
  patience: number,
  platform: NodeJS.Platform = process.platform,
): Promise<boolean> {
  const lock = openLibrary(platform);
  for (let waited = 0; lock(descriptor, exclusiveAtOnce) !== 0; waited += pause) {
    if (waited >= patience) {
      return false;
    }
    await Bun.sleep(pause);
  }
  return true;
}

type Flock = (descriptor: number, operation: number) => number;

/** `flock` of the system's C library: the runtime has no call of its own for it. */
function openLibrary(platform: NodeJS.Platform): Flock {
  for (const library of libraries[platform] ?? []) {
    try {
      const { symbols } = dlopen(library, {
        flock: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
      });
      return symbols.flock;
    } catch {
      // Not this C library: the next one.
    }
  }
  throw refusal(`Cannot lock a file: found no flock on ${platform} ${process.arch}`, {
    remedy: "Run this on Linux or macOS",
  });
}

const libraries: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  linux: ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"],
  darwin: ["libSystem.B.dylib"],
};
