/** Kernel locks on open files. They end when their process ends, for any reason. */

import { dlopen, FFIType } from "bun:ffi";
import { refusal } from "../finding.ts";

/** `LOCK_EX | LOCK_NB` of <sys/file.h>, the same on Linux and macOS. */
const exclusiveAtOnce = 2 | 4;

/** Milliseconds between two attempts. */
const pause = 10;

/** The names of the C library: on Linux with glibc and musl, and on macOS. */
const cLibraries = [
  "libc.so.6",
  "libc.musl-x86_64.so.1",
  "libc.musl-aarch64.so.1",
  "libSystem.B.dylib",
];

/**
 * Acquires the exclusive lock on an open file. Closing the descriptor releases it, and so does the
 * end of the process, even by SIGKILL. A lock file would stay behind.
 *
 * @param limit Milliseconds to wait for another holder.
 * @param libraries Libraries that may have `flock`, which the runtime does not offer.
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
