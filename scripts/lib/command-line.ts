/** Parses a command line by a command's table. */

/** Exit codes, the same for every script. */
export const exitCodes = { passed: 0, refused: 1, usage: 2, interrupted: 130 } as const;

/** Is thrown if the command line is wrong. The exit code is 2, and nothing has been read yet. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  /** The unknown option and the names of the known ones, for a suggestion. */
  readonly unknown: { readonly option: string; readonly names: readonly string[] } | undefined;
  /** The remedy; default: the help. */
  readonly remedy: string | undefined;

  constructor(message: string, unknown?: UsageError["unknown"], remedy?: string) {
    super(message);
    this.unknown = unknown;
    this.remedy = remedy;
  }
}

/** A positional argument. */
export interface Operand<T> {
  readonly help: string;
  readonly optional: boolean;
  /** Its placeholder in the usage line; default: its name. */
  readonly shown?: string;
  readonly parse: (text: string | undefined) => T;
}

export interface Option<T> {
  readonly help: string;
  /** The placeholder of its value; undefined for a flag. */
  readonly value?: string;
  /** Whether the value may be left out. */
  readonly valueOptional?: boolean;
  readonly required?: true;
  /** `given` is true for an option without a value, and undefined for an absent option. */
  readonly parse: (given: string | true | undefined) => T;
}

// biome-ignore lint/suspicious/noExplicitAny: a table holds operands and options of any type
export type Operands = Readonly<Record<string, Operand<any>>>;
// biome-ignore lint/suspicious/noExplicitAny: as above
export type Options = Readonly<Record<string, Option<any>>>;
/** The values of a command line, by the names in the table. */
export interface Parsed {
  readonly operands: Record<string, unknown>;
  readonly options: Record<string, unknown>;
}

/** An operand, and the option right before it that may take it as an optional value. */
interface Positional {
  readonly text: string;
  readonly after?: string | undefined;
}

/**
 * Parses a command line. Options and operands may be in any order; `--` ends the options.
 *
 * @param options The command's own options, and those that every command has.
 * @throws {UsageError} If the command line does not fit the table.
 */
export function parseCommandLine(
  operands: Operands,
  options: Options,
  args: readonly string[],
): Parsed {
  const byFlag = new Map(
    Object.entries(options).map(([name, each]) => [kebab(name), { name, each }]),
  );
  const given = new Map<string, string | true>();
  const positionals: Positional[] = [];
  let after: string | undefined;
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? "";
    if (arg === "--") {
      positionals.push(...args.slice(index + 1).map((text) => ({ text })));
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      positionals.push({ text: arg, after });
      after = undefined;
      continue;
    }
    // A name has at least one letter: `--=x` is a name without a value.
    const equals = arg.startsWith("--") ? arg.indexOf("=", 3) : -1;
    const rawName = equals < 0 ? arg : arg.slice(0, equals);
    const inline = equals < 0 ? undefined : arg.slice(equals + 1);
    const flag = rawName === "-h" ? "help" : rawName.slice(2);
    const found = rawName === "-h" || rawName.startsWith("--") ? byFlag.get(flag) : undefined;
    if (found === undefined) {
      const names = rawName.startsWith("--") ? [...byFlag.keys()] : [];
      throw new UsageError(`unknown option ${JSON.stringify(rawName)}`, { option: flag, names });
    }
    if (given.has(flag)) {
      throw new UsageError(`option ${rawName} is given twice`);
    }
    const { each } = found;
    if (each.value === undefined && inline !== undefined) {
      throw new UsageError(`option ${rawName} takes no value, found ${JSON.stringify(inline)}`);
    }
    const takesNext = each.value !== undefined && !each.valueOptional && inline === undefined;
    const value = takesNext ? args[index + 1] : inline;
    if (takesNext && (value === undefined || /^-./.test(value))) {
      throw new UsageError(`option ${rawName} needs a value: ${rawName} ${each.value}`);
    }
    index += takesNext ? 1 : 0;
    given.set(flag, value ?? true);
    after = each.valueOptional && inline === undefined ? flag : undefined;
  }
  assignOptionalValues(positionals, Object.keys(operands).length, given);
  const missing = [...byFlag].find(([flag, { each }]) => each.required && !given.has(flag));
  return {
    operands: parseOperands(
      operands,
      positionals,
      missing && `--${missing[0]} ${missing[1].each.value}`,
    ),
    options: Object.fromEntries(
      [...byFlag].map(([flag, { name, each }]) => [
        name,
        parseValue(`option --${flag}`, () => each.parse(given.get(flag))),
      ]),
    ),
  };
}

/** Assigns surplus operands to the options right before them that have an optional value. */
function assignOptionalValues(
  positionals: Positional[],
  expected: number,
  given: Map<string, string | true>,
): void {
  while (positionals.length > expected) {
    const index = positionals.findLastIndex(({ after }) => after !== undefined);
    const [taken] = index < 0 ? [] : positionals.splice(index, 1);
    if (taken?.after === undefined) {
      return;
    }
    given.set(taken.after, taken.text);
  }
}

/** @param absent A mandatory option that is missing, with its placeholder. */
function parseOperands(
  table: Operands,
  positionals: readonly Positional[],
  absent: string | undefined,
): Record<string, unknown> {
  const names = Object.entries(table);
  const extra = positionals[names.length];
  if (extra !== undefined) {
    const instead = absent === undefined ? "" : `, and ${absent} is missing`;
    throw new UsageError(`unexpected operand ${JSON.stringify(extra.text)}${instead}`);
  }
  return Object.fromEntries(
    names.map(([name, each], index) => {
      const text = positionals[index]?.text;
      if (text === undefined && !each.optional) {
        throw new UsageError(`missing operand <${each.shown ?? name}>`);
      }
      return [name, parseValue(`operand <${each.shown ?? name}>`, () => each.parse(text))];
    }),
  );
}

function parseValue(what: string, parse: () => unknown): unknown {
  try {
    return parse();
  } catch (thrown) {
    if (thrown instanceof SyntaxError) {
      const { remedy } = thrown as { readonly remedy?: string };
      throw new UsageError(`${what}: ${thrown.message}`, undefined, remedy);
    }
    throw thrown;
  }
}

/** Returns the spelling of an option on the command line, such as `dry-run` for `dryRun`. */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
