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
