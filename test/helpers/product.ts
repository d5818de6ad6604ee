/** The product's real files, for tests that are skipped where the folder is absent. */

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { projectRoot } from "./world.ts";

const named = process.env.RELEASE_TEST_PRODUCT;
const folder = named ? resolve(named) : resolve(projectRoot, "../shared/product");

/**
 * Absolute path of a folder with the product's own files: `$RELEASE_TEST_PRODUCT`, else
 * `../shared/product` beside the checkout. Undefined if there is none:
 * `test.skipIf(productFolder === undefined)`.
 */
export const productFolder: string | undefined = existsSync(join(folder, "Cargo.toml"))
  ? folder
  : undefined;
