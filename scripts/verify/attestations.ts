/** Attestations of what a tag's workflow built: provenance and SBOM, bound to that tag. */

import type { Answer, State } from "../lib/answer.ts";
import { askGh, type GhFailure, type GhWorld, isGhFailure } from "../lib/net/gh.ts";
import { type Fields, findFields, findList } from "./gh-json.ts";
import { type Said, unanswered } from "./unanswered.ts";
import type { RunQuestion } from "./workflow-run.ts";

/** Something that must be attested. */
export interface Subject {
  readonly name: string;
  /** The path of the file, or `oci://` and an image reference; none if there is nothing to verify. */
  readonly target?: string | undefined;
  /** The sha256 that the attestation must name, in hexadecimal. */
  readonly sha256?: string | undefined;
  /** Why there is no target; its state is then the answer. */
  readonly absent?: Said | undefined;
}

/** The kinds of attestation that each subject must have, by the type of their predicate. */
const kinds = [
  { what: "provenance", predicate: "https://slsa.dev/provenance/v1" },
  { what: "SPDX attestation", predicate: "https://spdx.dev/Document/v2.3" },
] as const;

/** Milliseconds for one attestation: gh asks GitHub, and the roots of trust. */
const verificationTime = 60_000;

/** Bytes of an answer: it carries a whole SBOM, more than once. */
const mostOutput = 64 * 1024 * 1024;

/** How gh tells that there is no attestation; older versions pass on what the server says. */
const none = /no attestations found|HTTP 404: [^\n]*\/attestations\/sha256/i;

/** How gh tells that an attestation does not hold; only where nothing else kept it from the answer. */
const breach =
  /verifying with issuer|(?:signature|policy|Sigstore) verification failed|policy .*not (?:met|satisfied)/i;
const trouble =
  /\b(?:dial|lookup|timeout|timed out|connect\w*|HTTP [0-9]+|TUF|EOF|TLS|x509: certificate signed by unknown)\b/i;

/**
 * Asks for the provenance and the SPDX attestation of each subject, in this order. gh verifies the
 * signature; what it has verified must name the repository, the workflow, the tag and, where it is
 * known, the commit. An attestation of another tag's run is none of this one.
 *
 * @param origin The tag, the workflow and, where known, the commit that they must come from.
 * @param run What became of the tag's workflow run: once it has ended, nothing more will come.
 */
export async function askAttestations(
  subjects: readonly Subject[],
  origin: RunQuestion,
  gh: GhWorld,
  run?: State,
): Promise<Answer[]> {
  const answers = await Promise.all(
    subjects.map(async (subject) => {
      const ofSubject: Answer[] = [];
      for (const { what, predicate } of kinds) {
        const said = await ask(subject, predicate, origin, gh, run);
        ofSubject.push({ question: `${what} of ${subject.name}`, ...said });
      }
      return ofSubject;
    }),
  );
  return answers.flat();
}

async function ask(
  subject: Subject,
  predicate: string,
  origin: RunQuestion,
  gh: GhWorld,
  run: State | undefined,
): Promise<Said> {
  const { target, absent } = subject;
  if (target === undefined) {
    const nowhere: Said = { state: "unknown", evidence: "it is not there", remedy: "Ask again" };
    const said = absent ?? nowhere;
    // Something that is not there is not verified, whatever was said of it.
    return said.state === "verified" ? { ...said, state: "unknown" } : said;
  }
  const args = ["attestation", "verify", target, "--predicate-type", predicate, "--format", "json"];
  const answer = await askGh(args, gh, {
    absent: none,
    timeout: verificationTime,
    most: mostOutput,
  });
  if (isGhFailure(answer)) {
    return failureSaid(answer, run);
  }
  const results = answer.kind === "json" ? findList(answer.value) : undefined;
  if (results === undefined) {
    return unread("gh attestation verify answered with something that is no list of results");
  }
  return judge(results, predicate, subject, origin, gh.repository, run);
}

function unread(evidence: string): Said {
  return { state: "unknown", evidence, remedy: "Update gh, and ask again" };
}

function failureSaid(failure: GhFailure, run: State | undefined): Said {
  if (failure.kind === "not found") {
    return nothing(run);
  }
  if (failure.kind === "failed" && breach.test(failure.why) && !trouble.test(failure.why)) {
    return { state: "failed", evidence: failure.why, remedy: distrust };
  }
  return unanswered(failure);
}

const distrust = "Do not use this file: find out what built it, and release the next version";

function nothing(run: State | undefined): Said {
  const ended = run === "verified" || run === "failed";
  return {
    state: ended ? "failed" : "pending",
    evidence: ended ? "there is none, and the workflow run has ended" : "there is none yet",
    remedy: ended
      ? "Read the log of the run's attestation steps, and re-run the job"
      : "Wait until the workflow run has attested it",
  };
}

/** Judges what gh has verified: one result must be of this very tag. */
function judge(
  results: readonly Fields[],
  predicate: string,
  { sha256 }: Subject,
  { tag, workflow, commit }: RunQuestion,
  repository: string,
  run: State | undefined,
): Said {
  const verified = results.map(({ verificationResult }) => readResult(verificationResult));
  const known = verified.filter((each) => each !== undefined);
  if (known.length < verified.length) {
    return unread("gh attestation verify answered without saying what it verified");
  }
  const ofKind = known.filter(({ predicateType }) => predicateType === predicate);
  if (ofKind.length === 0) {
    return nothing(run);
  }
  const home = `https://github.com/${repository}`;
  const faults = ofKind.map(({ certificate, digests }): string[] => {
    const expected: [what: string, value: unknown, wanted: string | undefined][] = [
      ["repository", certificate.sourceRepositoryURI, home],
      ["ref", certificate.sourceRepositoryRef, `refs/tags/${tag}`],
      ["workflow", certificate.buildSignerURI, `${home}/${workflow}@refs/tags/${tag}`],
      ["commit", certificate.sourceRepositoryDigest, commit],
    ];
    const wrong = expected
      .filter(([, value, wanted]) => wanted !== undefined && value !== wanted)
      .map(([what, value, wanted]) => `${what} ${shown(value)}, expected ${wanted}`);
    const isNamed = sha256 === undefined || digests.includes(sha256);
    return isNamed ? wrong : [...wrong, `another file than sha256 ${sha256}`];
  });
  const [least = []] = faults.toSorted((a, b) => a.length - b.length);
  if (least.length > 0) {
    return { state: "failed", evidence: `it is of ${least.join("; of ")}`, remedy: distrust };
  }
  return { state: "verified", evidence: `signed by ${workflow} at refs/tags/${tag}` };
}

function shown(value: unknown): string {
  return typeof value === "string" ? value.slice(0, 200) : "nobody knows what";
}

/** What gh verified: the statement, and the identity in the certificate that signed it. */
function readResult(value: unknown) {
  const result = findFields(value);
  const statement = findFields(result?.statement);
  const certificate = findFields(findFields(result?.signature)?.certificate);
  const subjects = findList(statement?.subject);
  if (statement === undefined || certificate === undefined || subjects === undefined) {
    return undefined;
  }
  const digests = subjects.map(({ digest }) => findFields(digest)?.sha256);
  return { predicateType: statement.predicateType, certificate, digests };
}
