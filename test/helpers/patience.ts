/** Tests spawn git, ssh-keygen and the scripts themselves: give each room on a slow machine. */

import { setDefaultTimeout } from "bun:test";

setDefaultTimeout(60_000);
