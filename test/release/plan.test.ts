import { expect, test } from "bun:test";
import { resumeCommand } from "../../scripts/release/plan.ts";

test.each([
  ["v1.3.0\n\nLab-validation: PASS 2026-08-07 lab 214ea6f\n", ""],
  ["v1.3.0\n\nBypassed: lab validation gate (--skip-lab)\n", " --skip-lab"],
  ["v1.3.0\n\nBypassed: image gate (--skip-image-check)\n", " --skip-image-check"],
  ["v1.3.0\n\nBypassed: lab validation gate (--skip-lab) --yes\n", ""],
  ["v1.3.0\n\nBypassed: all (--repo --yes)\n", ""],
])(
  "the command that finishes a release takes no other option from %j than a bypass",
  (message, options) => {
    expect(resumeCommand("scripts/release.ts", "v1.3.0", message)).toBe(
      `bun scripts/release.ts v1.3.0 --resume${options}`,
    );
  },
);
