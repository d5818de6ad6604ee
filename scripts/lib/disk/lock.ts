/** Kernel locks on open files: they end with their holder, whatever ends it. */

import { dlopen, FFIType } from "bun:ffi";
import { refusal } from "../finding.ts";

/** `LOCK_EX | LOCK_NB` of <sys/file.h>, the same on Linux and macOS. */
const exclusiveAtOnce = 2 | 4;

/** Milliseconds between two attempts. */
const pause = 10;

/** The C library by its names on Linux, with glibc and with musl, and on macOS. */
const cLibraries = [
  "libc.so.6",
  "libc.musl-x86_64.so.1",
  "libc.musl-aarch64.so.1",
  "libSystem.B.dylib",
];

/**
 * Takes the one exclusive lock on an open file. Closing the descriptor gives it back, and so does
 * any end of the process, SIGKILL included: a lock file could not promise that.
 *
 * @param limit Milliseconds to wait for another holder.
 * @param libraries Where `flock` may be; the runtime has no call of its own for it.
 * @returns Whether the lock was taken.
 * @throws {Refusal} If this platform has no such locks.
 */
export async function lockFile(
  descriptor: number,
  limit: number,
  libraries: readonly string[] = cLibraries,
): Promise<boolean> {
  const lock = findFlock(libraries);
  for (let waited = 0; lock(descriptor, exclusiveAtOnce) !== 0; waited += pause) {
    if (waited >= limit) {
      return false;
    }
    await Bun.sleep(pause);
  }
  return true;
}

function findFlock(libraries: readonly string[]) {
  for (const library of libraries) {
    try {
      const { symbols } = dlopen(library, {
        flock: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
      });
      return symbols.flock;
    } catch {
      // Another system's C library.
    }
  }
  throw refusal(`Cannot lock a file: found no flock on ${process.platform} ${process.arch}`, {
    remedy: "Run this on Linux or macOS",
  });
}
