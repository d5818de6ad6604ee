/** Puts what a fork sets in `scripts/layout.ts` in place of the defaults. Loaded only if it sets a key. */

/** The keys that a fork may set to `undefined`, because it has no such thing. */
const optional = [
  "chart",
  "chartChangelog",
  "ledger",
  "lab",
  "vintages",
  "published.crates",
  "references.lockFiles",
  "references.ciTemplates",
  "references.ciGuides",
  "references.schemaExamples",
] as const;
type Optional = (typeof optional)[number];

/** A fork's own place that states a version. */
export interface OwnPlace {
  /** The glob of its files. */
  readonly files: string;
  /** The version between literal text: `kube = "{version}"`, `v{major}.{minor}`. */
  readonly pattern: string;
  /** The smallest number of matches in all files. */
  readonly atLeast: number;
  /** A prerelease moves `application`, but not `final`. */
  readonly follows: "application" | "final" | "chart";
}

/** An example of an element of `references.own`, which is empty by default. */
const ownPlace: OwnPlace = {
  files: "README.md",
  pattern: 'kube = "{version}"',
  atLeast: 1,
  follows: "final",
};

/** Maps with arbitrary keys. A fork removes a key by setting it to `undefined`. */
const maps = ["vintages.rules"];

/** A value of `scripts/layout.ts` that no command can use: its default stands, and `execute` refuses. */
export interface LayoutFault {
  /** Such as `published.crates` or `labSteps[0].name`. */
  readonly path: string;
  readonly found: unknown;
  /** The default, or an example of it. */
  readonly expected?: unknown;
  /** What is expected in words, if no example says it. */
  readonly words?: string;
  /** The keys that there are, if that of `path` is unknown. */
  readonly known?: readonly string[];
}

/** The type of a part of the merged layout. `Path` is its path with a full stop behind it. */
export type Merged<T, Path extends string = ""> = T extends readonly unknown[]
  ? Readonly<T>
  : T extends object
    ? {
        readonly [Key in keyof T]:
          | Merged<T[Key], `${Path}${Key & string}.`>
          | (`${Path}${Key & string}` extends Optional ? undefined : never);
      }
    : T;
type Table = Readonly<Record<string, unknown>>;

/** Returns the defaults with a fork's values in their place, and the faults of these. */
export function mergeLayout<Defaults extends Table>(
  defaults: Defaults,
  values: unknown,
): { layout: Merged<Defaults>; faults: readonly LayoutFault[] } {
  const faults: LayoutFault[] = [];
  function merged(usual: unknown, found: unknown, path: string): unknown {
    if (found === undefined && optional.some((each) => each === path)) {
      return undefined;
    }
    // Only a prefix may be empty: an empty path or name would silently judge nothing.
    const isEmpty = found === "" && !/prefix$/i.test(path);
    const isNegative = typeof found === "number" && found < 0;
    if (kindOf(found) !== kindOf(usual) || isEmpty || isNegative) {
      faults.push({ path, found, expected: usual });
      return usual;
    }
    if (Array.isArray(found) && Array.isArray(usual)) {
      const isOwn = path === "references.own";
      const fits = found.map(
        (each, index) =>
          fitsOneOf(isOwn ? [ownPlace] : usual, each, `${path}[${index}]`) &&
          (!isOwn || isOwnPlace(each, `${path}[${index}]`)),
      );
      return fits.includes(false) ? usual : found;
    }
    return isTable(usual) && isTable(found) ? mergedTable(usual, found, path) : found;
  }
  function mergedTable(usual: Table, found: Table, path: string): Table {
    const result: Record<string, unknown> = { ...usual };
    for (const [key, each] of Object.entries(found)) {
      const inner = path === "layout" ? key : `${path}.${key}`;
      if (maps.includes(path)) {
        if (each === undefined) {
          delete result[key];
        } else if (fitsOneOf(Object.values(usual), each, inner)) {
          result[key] = each;
        }
      } else if (Object.hasOwn(usual, key)) {
        result[key] = merged(usual[key], each, inner);
      } else {
        faults.push({ path: inner, found: each, known: Object.keys(usual) });
      }
    }
    return result;
  }
  /** Reports whether an element of a list or map has the form of one of the default. */
  function fitsOneOf(examples: readonly unknown[], found: unknown, path: string): boolean {
    const known = [...new Set(examples.filter(isTable).flatMap(Object.keys))];
    const unknown = Object.keys(isTable(found) ? found : {}).find((key) => !known.includes(key));
    const fits = examples.length === 0 || examples.some((each) => formOf(each) === formOf(found));
    if (!fits && known.length > 0 && unknown !== undefined) {
      faults.push({ path: `${path}.${unknown}`, found, known });
    } else if (!fits) {
      faults.push({ path, found, expected: examples[0] });
    }
    return fits;
  }
  /** Reports whether a place has a legal pattern, and follows a version that there is. */
  function isOwnPlace({ pattern, follows }: OwnPlace, path: string): boolean {
    const holes = pattern.match(/\{version\}|\{major\}\.\{minor\}/g) ?? [];
    const followed = ["application", "final", "chart"];
    if (holes.length !== 1) {
      const words = "{version} or {major}.{minor} in it, once";
      faults.push({ path: `${path}.pattern`, found: pattern, words });
    } else if (!followed.includes(follows)) {
      faults.push({ path: `${path}.follows`, found: follows, words: followed.join(" or ") });
    }
    return holes.length === 1 && followed.includes(follows);
  }
  return { layout: merged(defaults, values, "layout") as Merged<Defaults>, faults };
}

/** Returns the keys of the layout at any depth, such as `published.crates`. */
export function layoutKeys(of: Table): readonly string[] {
  return Object.entries(of).flatMap(([key, each]) => [
    key,
    ...(isTable(each) ? layoutKeys(each).map((inner) => `${key}.${inner}`) : []),
  ]);
}

function isTable(value: unknown): value is Table {
  return kindOf(value) === "table";
}

function kindOf(value: unknown): string {
  if (typeof value === "object" && value !== null) {
    return Array.isArray(value) ? "list" : "table";
  }
  return value === null || Number.isNaN(value) ? "none" : typeof value;
}

/** Returns the kind of a value, and of a table the kind of each of its values. */
function formOf(value: unknown): string {
  const keys = isTable(value) ? Object.keys(value).sort() : [];
  return [kindOf(value), ...keys.map((key) => `${key} ${kindOf((value as Table)[key])}`)].join();
}
