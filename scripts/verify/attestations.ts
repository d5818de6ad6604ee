/** Attestations of what a tag's workflow built: provenance and SBOM, bound to that tag. */

import { type Answer, answered, Unverified } from "../lib/answer.ts";
import { asTable } from "../lib/files/document.ts";
import { askGh, findList, findText, type GhWorld } from "../lib/net/gh.ts";
import type { RunQuestion } from "./workflow-run.ts";

/** Something that must be attested. */
export interface Subject {
  readonly name: string;
  /**
   * Returns what gh verifies: the path of a file, or `oci://` and an image reference, and the sha256
   * that the attestation must name, in hexadecimal.
   *
   * @throws {Unverified} If it is not there; its attestations are not there either.
   */
  file(): Promise<{ readonly path: string; readonly sha256: string }>;
}

/** The kinds of attestation that each subject must have, by the type of their predicate. */
const kinds = [
  { what: "provenance", predicate: "https://slsa.dev/provenance/v1" },
  { what: "SPDX attestation", predicate: "https://spdx.dev/Document/v2.3" },
] as const;

/** How gh says that there is no attestation; older versions pass on what the server says. */
const absent = /no attestations found|HTTP 404: [^\n]*\/attestations\/sha256/i;

/** How gh says that an attestation does not hold; only where nothing else kept it from the answer. */
const breach =
  /verifying with issuer|(?:signature|policy|Sigstore) verification failed|policy .*not (?:met|satisfied)/i;
const trouble =
  /\b(?:dial|lookup|timeout|timed out|connect\w*|HTTP [0-9]+|TUF|EOF|TLS|x509: certificate signed by unknown)\b/i;

const distrust = "Do not use this file: find out what built it, and release the next version";

/**
 * Asks for the provenance and the SPDX attestation of each subject, in this order. gh verifies the
 * signature; what it has verified must name the repository, the workflow, the tag and, where it is
 * known, the commit. An attestation of another tag's run does not count.
 *
 * @param origin The tag, the workflow and, where known, the commit that they must come from.
 */
export async function askAttestations(
  subjects: readonly Subject[],
  origin: RunQuestion,
  gh: GhWorld,
): Promise<Answer[]> {
  const asking = subjects.flatMap((subject) =>
    kinds.map(({ what, predicate }) =>
      answered(`${what} of ${subject.name}`, () => verify(subject, predicate, origin, gh)),
    ),
  );
  return await Promise.all(asking);
}

/** @returns The evidence, if one attestation of that kind is of this very tag and file. */
async function verify(
  subject: Subject,
  predicate: string,
  { tag, workflow, commit }: RunQuestion,
  gh: GhWorld,
): Promise<string> {
  const { path, sha256 } = await subject.file();
  const home = `https://github.com/${gh.repository}`;
  const expected: [what: string, key: string, wanted: string | undefined][] = [
    ["repository", "sourceRepositoryURI", home],
    ["ref", "sourceRepositoryRef", `refs/tags/${tag}`],
    ["workflow", "buildSignerURI", `${home}/${workflow}@refs/tags/${tag}`],
    ["commit", "sourceRepositoryDigest", commit],
  ];
  const attestations = await readAttestations(path, predicate, gh);
  const faults = attestations.map(({ certificate, digests }) => [
    ...expected
      .filter(([, key, wanted]) => wanted !== undefined && certificate[key] !== wanted)
      .map(([what, key, wanted]) => {
        const found = findText(certificate[key])?.slice(0, 200) ?? "unknown";
        return `${what} ${found}, expected ${wanted}`;
      }),
    ...(digests.includes(sha256) ? [] : [`another file than sha256 ${sha256}`]),
  ]);
  const [least] = faults.toSorted((a, b) => a.length - b.length);
  if (least === undefined) {
    const remedy = "Wait until the workflow run has attested it";
    throw new Unverified("pending", "there is no attestation", remedy);
  }
  if (least.length > 0) {
    throw new Unverified("failed", `it is of ${least.join("; of ")}`, distrust);
  }
  return `signed by ${workflow} at refs/tags/${tag}`;
}

/** Returns what gh has verified of a file: the digests in each statement, and the certificate. */
async function readAttestations(path: string, predicate: string, gh: GhWorld) {
  const args = ["attestation", "verify", path, "--predicate-type", predicate, "--format", "json"];
  // gh asks GitHub and the roots of trust, and prints a whole SBOM, more than once.
  const options = { absent, timeout: 60_000, most: 64 * 1024 * 1024 };
  const answer = await askGh(args, gh, options).catch((thrown) => {
    const { message } = thrown as Error;
    const isBreach = breach.test(message) && !trouble.test(message);
    throw isBreach ? new Unverified("failed", message, distrust) : thrown;
  });
  return (findList(answer ?? []) ?? [{}]).flatMap(({ verificationResult }) => {
    const result = asTable(verificationResult);
    const statement = asTable(result?.statement);
    const certificate = asTable(asTable(result?.signature)?.certificate);
    const subjects = findList(statement?.subject);
    if (certificate === undefined || subjects === undefined) {
      const evidence = "gh attestation verify answered with something that is not its result";
      throw new Unverified("unknown", evidence, "Update gh, and ask again");
    }
    const digests = subjects.map(({ digest }) => asTable(digest)?.sha256);
    return statement?.predicateType === predicate ? [{ certificate, digests }] : [];
  });
}
