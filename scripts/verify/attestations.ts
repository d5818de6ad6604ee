/** Verifies the attestations of a release: provenance and SBOM of each file, from the tag's own run. */

import { type Answer, answered, Unverified } from "../lib/answer.ts";
import { asTable } from "../lib/files/document.ts";
import { askGh, findList, findText, type GhWorld } from "../lib/net/gh.ts";
import type { RunQuestion } from "./workflow-run.ts";

/** A file or an image that must be attested. */
export interface Subject {
  readonly name: string;
  /**
   * Returns what gh verifies (the path of a file, or `oci://` and an image reference) and the sha256
   * that the attestation must name, in hexadecimal.
   *
   * @throws {Unverified} If the subject does not exist; then it has no attestation.
   */
  file(): Promise<{ readonly path: string; readonly sha256: string }>;
}

/** The kinds of attestation that each subject must have, with the type of their predicate. */
const kinds = [
  { what: "provenance", predicate: "https://slsa.dev/provenance/v1" },
  { what: "SPDX attestation", predicate: "https://spdx.dev/Document/v2.3" },
] as const;

/** Matches the message of gh for a missing attestation; older versions print the server's answer. */
const absent = /no attestations found|HTTP 404: [^\n]*\/attestations\/sha256/i;

/** Matches the message of gh for an invalid attestation, unless `trouble` matches as well. */
const breach =
  /verifying with issuer|(?:signature|policy|Sigstore) verification failed|policy .*not (?:met|satisfied)/i;
/** Matches the messages of gh for a network error: they say nothing about the attestation. */
const trouble =
  /\b(?:dial|lookup|timeout|timed out|connect\w*|HTTP [0-9]+|TUF|EOF|TLS|x509: certificate signed by unknown)\b/i;

const distrust = "Do not use this file: find out what built it, and release the next version";

/**
 * Returns two answers for each subject: about its provenance and its SPDX attestation. gh verifies the
 * signature. The verified statement must name the repository, the workflow, the tag and, if it is
 * known, the commit: an attestation by the run of another tag does not count.
 *
 * @param origin The tag, the workflow and, if known, the commit that the attestations must name.
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

/** @throws {Unverified} If no attestation of that kind names this tag and this file. */
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
    ...(digests.includes(sha256) ? [] : [`a file with another sha256 than ${sha256}`]),
  ]);
  const [least] = faults.toSorted((a, b) => a.length - b.length);
  if (least === undefined) {
    const remedy = "Wait until the workflow run has attested it";
    throw new Unverified("pending", "there is no attestation", remedy);
  }
  if (least.length > 0) {
    throw new Unverified("failed", `it names ${least.join("; it names ")}`, distrust);
  }
  return `signed by ${workflow} at refs/tags/${tag}`;
}

/** Returns the attestations that gh has verified: the certificate, and the digests of the statement. */
async function readAttestations(path: string, predicate: string, gh: GhWorld) {
  const args = ["attestation", "verify", path, "--predicate-type", predicate, "--format", "json"];
  // gh asks GitHub and the trust roots, and prints the whole SBOM more than once.
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
      const evidence = "the answer of gh attestation verify has an unknown form";
      throw new Unverified("unknown", evidence, "Update gh, and ask again");
    }
    const digests = subjects.map(({ digest }) => asTable(digest)?.sha256);
    return statement?.predicateType === predicate ? [{ certificate, digests }] : [];
  });
}
