/** The `if` of jobs and steps, as far as it decides whether a failed job stops what comes after. */

/** The expression, without the `${{ }}` that may be around it. */
function expressionOf(condition: unknown): string {
  const text = String(condition).trim();
  return (/^\$\{\{((?:(?!\$\{\{)[\s\S])*)\}\}$/.exec(text)?.[1] ?? text).trim();
}

/** Whether a condition is true wherever everything before it succeeded; none is. */
export function alwaysHolds(condition: unknown): boolean {
  return (
    condition === undefined || /^(?:true|(?:always|success)\(\s*\))$/i.test(expressionOf(condition))
  );
}

/** Functions that replace GitHub's own condition: that every job before succeeded. */
const statusFunction = /\b(?:always|success|failure|cancelled)\s*\(/i;

/**
 * Whether a job with this condition may run although a job that it needs did not succeed: it calls
 * a status function, and is no `&&` of which one part asks for that success.
 *
 * @param needs The jobs whose success is success enough.
 */
export function outlivesFailure(condition: unknown, needs: readonly string[]): boolean {
  const expression = expressionOf(condition);
  if (condition === undefined || !statusFunction.test(withoutTexts(expression))) {
    return false;
  }
  // Text around `${{ }}` makes a text of the whole condition, and a text is true.
  const parts = expression.includes("${{") ? [] : conjuncts(expression);
  return !parts.some(
    (part) => /^success\(\s*\)$/i.test(part) || needs.includes(succeeded(part) ?? ""),
  );
}

/** The job that `needs.<job>.result == 'success'` asks about. */
function succeeded(part: string): string | undefined {
  const [, dotted, indexed] =
    /^needs(?:\.([\w-]+)|\[\s*'([\w-]+)'\s*\])\.result\s*==\s*'success'$/i.exec(part) ?? [];
  return dotted ?? indexed;
}

function withoutTexts(expression: string): string {
  return expression.replace(/'(?:[^']|'')*'/g, "''");
}

/** The parts of an expression that must all be true; none if `||` leaves a choice. */
function conjuncts(expression: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (const { 0: token, index } of expression.matchAll(/'(?:[^']|'')*'|&&|\|\||[([)\]]/g)) {
    depth += /^[([]$/.test(token) ? 1 : /^[)\]]$/.test(token) ? -1 : 0;
    if (depth === 0 && token === "||") {
      return [];
    }
    if (depth === 0 && token === "&&") {
      parts.push(expression.slice(start, index).trim());
      start = index + token.length;
    }
  }
  return [...parts, expression.slice(start).trim()];
}
