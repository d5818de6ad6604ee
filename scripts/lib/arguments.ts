/**
 * What the arguments of a command line are: operands and options, not yet judged.
 *
 * They are told apart as by `parseArgs` of `node:util`, which takes longer to load than most checks
 * take for their work.
 */

/** An argument that is an operand, or may be the optional value of the option before it. */
export interface Positional {
  readonly kind: "positional";
  readonly value: string;
}

/** An option as it is written. */
export interface GivenOption {
  readonly kind: "option";
  /** Its name without dashes; `help` for `-h`. */
  readonly name: string;
  /** Its name with its dashes. */
  readonly rawName: string;
  readonly value?: string;
  /** Whether the value stands in the same argument, behind `=`. */
  readonly inlineValue?: boolean;
}

/** What ends the options: only operands follow. */
export interface OptionsEnd {
  readonly kind: "option-terminator";
}

export type Token = Positional | GivenOption | OptionsEnd;

/**
 * Tells options from operands, in their order.
 *
 * @param needsValue Names of the options that take the next argument, whatever it is, if they have
 *   no value of their own.
 */
export function tokensOf(args: readonly string[], needsValue: ReadonlySet<string>): Token[] {
  const tokens: Token[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? "";
    if (arg === "--") {
      tokens.push({ kind: "option-terminator" }, ...args.slice(index + 1).map(positional));
      break;
    }
    if (arg.startsWith("--")) {
      const option = longOption(arg);
      const isHungry = option.value === undefined && needsValue.has(option.name);
      const value = isHungry ? args[index + 1] : undefined;
      tokens.push(value === undefined ? option : { ...option, value, inlineValue: false });
      index += value === undefined ? 0 : 1;
    } else if (arg.startsWith("-") && arg !== "-") {
      tokens.push(...Array.from(arg.slice(1), shortOption));
    } else {
      tokens.push(positional(arg));
    }
  }
  return tokens;
}

function positional(value: string): Positional {
  return { kind: "positional", value };
}

function longOption(arg: string): GivenOption {
  // A name has a letter at least: what begins with `--=` is one without a value.
  const equals = arg.indexOf("=", "--".length + 1);
  const rawName = equals < 0 ? arg : arg.slice(0, equals);
  const option = { kind: "option", name: rawName.slice("--".length), rawName } as const;
  return equals < 0 ? option : { ...option, value: arg.slice(equals + 1), inlineValue: true };
}

function shortOption(letter: string): GivenOption {
  return { kind: "option", name: letter === "h" ? "help" : letter, rawName: `-${letter}` };
}

/** Edits that a slip of the fingers makes at most; a swap of two letters is two. */
const slip = 2;

/**
 * The name that was probably meant: the same one in other case or without its dashes, the only one
 * that begins so, or the nearest that a slip explains.
 */
export function findMeant(given: string, names: readonly string[]): string | undefined {
  const same = names.find((name) => letters(name) === letters(given));
  if (same !== undefined) {
    return same;
  }
  const begun = given === "" ? [] : names.filter((name) => name.startsWith(given));
  if (begun.length > 0) {
    return begun.length === 1 ? begun[0] : undefined;
  }
  const near = names
    .map((name) => ({ name, edits: editsBetween(given, name) }))
    // Half of a short name may be another word altogether.
    .filter(({ name, edits }) => edits <= slip && edits * 2 < name.length)
    .sort((a, b) => a.edits - b.edits);
  return near[0]?.name;
}

function letters(name: string): string {
  return name.toLowerCase().replace(/[^a-z]/g, "");
}

/** How many letters must be added, removed or replaced (the Levenshtein distance). */
function editsBetween(from: string, to: string): number {
  if (Math.abs(from.length - to.length) > slip) {
    return Number.POSITIVE_INFINITY;
  }
  let above = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const kept = (above[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(kept, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    above = current;
  }
  return above[to.length] ?? 0;
}
