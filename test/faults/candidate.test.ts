/** The promises of the release of a candidate under every fault of git. */

import { smallProduct } from "../../scripts/demo/product.ts";
import { sweep } from "../helpers/fault-sweep.ts";

const branch = "release/1.3.0";

sweep({
  name: "the release of a candidate",
  command: ["scripts/release.ts", "v1.3.0-rc.1"],
  branch,
  async prepare({ git, commit }) {
    await git("checkout", "--quiet", "-b", branch, "origin/main");
    await commit(smallProduct("1.3.0-rc.1"));
    await git("push", "--quiet", "origin", branch);
  },
});
