/** The tokens of a TypeScript source, from the compiler's own scanner: comments and texts are none. */

import { createScanner, SyntaxKind } from "typescript/unstable/ast";

export interface Token {
  readonly kind: SyntaxKind;
  readonly text: string;
  readonly offset: number;
  /** How many braces, brackets and parentheses are open around the token. */
  readonly depth: number;
}

const opening = new Set([
  SyntaxKind.OpenBraceToken,
  SyntaxKind.OpenBracketToken,
  SyntaxKind.OpenParenToken,
  SyntaxKind.TemplateHead,
]);
const closing = new Set([
  SyntaxKind.CloseBraceToken,
  SyntaxKind.CloseBracketToken,
  SyntaxKind.CloseParenToken,
  SyntaxKind.TemplateTail,
]);
/** What may end a value, so that a slash after it divides. */
const ending = new Set([
  SyntaxKind.Identifier,
  SyntaxKind.NumericLiteral,
  SyntaxKind.StringLiteral,
  SyntaxKind.NoSubstitutionTemplateLiteral,
  SyntaxKind.RegularExpressionLiteral,
  SyntaxKind.TemplateTail,
  SyntaxKind.CloseBracketToken,
  SyntaxKind.CloseParenToken,
  SyntaxKind.ThisKeyword,
]);

/**
 * Reads a source token by token.
 *
 * @throws {SyntaxError} If its brackets do not match.
 */
export function tokensOf(text: string): Token[] {
  const scanner = createScanner(true, undefined, text);
  const tokens: Token[] = [];
  const open: SyntaxKind[] = [];
  for (let kind = scanner.scan(); kind !== SyntaxKind.EndOfFile; kind = scanner.scan()) {
    const last = tokens.at(-1);
    if (isSlash(kind) && !(last !== undefined && ending.has(last.kind))) {
      kind = scanner.reScanSlashToken();
    } else if (kind === SyntaxKind.CloseBraceToken && open.at(-1) === SyntaxKind.TemplateHead) {
      kind = scanner.reScanTemplateToken(false);
    }
    if (closing.has(kind) && open.pop() === undefined) {
      throw new SyntaxError(`found ${scanner.getTokenText()} at ${scanner.getTokenStart()}`);
    }
    const offset = scanner.getTokenStart();
    tokens.push({ kind, text: scanner.getTokenText(), offset, depth: open.length });
    if (opening.has(kind)) {
      open.push(kind);
    }
  }
  if (open.length > 0) {
    throw new SyntaxError(`found ${open.length} brackets that are never closed`);
  }
  return tokens;
}

function isSlash(kind: SyntaxKind): boolean {
  return kind === SyntaxKind.SlashToken || kind === SyntaxKind.SlashEqualsToken;
}

/** Where the bracket that opens at an index closes, as an index. */
export function closingOf(tokens: readonly Token[], index: number): number {
  const depth = tokens[index]?.depth;
  return tokens.findIndex(
    (token, at) => at > index && token.depth === depth && closing.has(token.kind),
  );
}
