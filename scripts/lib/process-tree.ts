/** Ends processes together with their descendants. */

/** Milliseconds that descendants have between SIGTERM and SIGKILL. */
const treeGrace = 1000;
/** Milliseconds between two polls of processes that should end. */
const pollInterval = 25;

/**
 * Ends a program and its descendants: a signing program would outlive git and keep asking for a
 * passphrase. A process group cannot be used here: it must read the passphrase from the terminal,
 * and only the foreground group may do so.
 *
 * @param name The signal for the program. Descendants get SIGTERM, so that they can restore the
 *   terminal.
 */
export async function endTree(
  child: { readonly pid: number; kill(name: "SIGTERM" | "SIGKILL"): void },
  name: "SIGTERM" | "SIGKILL",
): Promise<void> {
  const below = descendantsOf(child.pid);
  child.kill(name);
  await endAll(below, treeGrace);
}

/** Returns the ids of a process's descendants, or none if `ps` is missing. */
function descendantsOf(root: number): number[] {
  let table = "";
  try {
    table = Bun.spawnSync(["ps", "-A", "-o", "pid=,ppid="]).stdout.toString();
  } catch {
    return [];
  }
  const pairs = Array.from(table.matchAll(/(\d+) +(\d+)/g), (row) => row.slice(1).map(Number));
  const found = [root];
  for (const parent of found) {
    found.push(...pairs.flatMap(([pid = 0, ppid]) => (ppid === parent ? [pid] : [])));
  }
  return found.slice(1);
}

/** Sends SIGTERM to processes, then SIGKILL to those that have not ended after `grace` ms. */
export async function endAll(targets: readonly number[], grace: number): Promise<void> {
  let left = targets.filter((each) => signalTo(each, "SIGTERM"));
  for (let waited = 0; left.length > 0 && waited < grace; waited += pollInterval) {
    await Bun.sleep(pollInterval);
    left = left.filter((each) => signalTo(each, 0));
  }
  for (const each of left) {
    signalTo(each, "SIGKILL");
  }
}

/** Sends a signal to a process or a group. Returns false if the process no longer exists. */
function signalTo(target: number, signal: "SIGTERM" | "SIGKILL" | 0): boolean {
  try {
    return process.kill(target, signal);
  } catch (thrown) {
    // Any other error means that the process exists but may not be signalled.
    return (thrown as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
