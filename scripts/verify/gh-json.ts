/** Values out of gh's JSON: what is not of the expected kind counts as absent. */

/** A JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

/** A value as an object; undefined if it is none. */
export function findFields(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : undefined;
}

/** A value as a list of objects; undefined if it is no list, or holds anything else. */
export function findList(value: unknown): Fields[] | undefined {
  if (!Array.isArray(value)) {
    return undefined;
  }
  const list = value.map(findFields);
  return list.every((each) => each !== undefined) ? list : undefined;
}

/** A text that is not empty. */
export function findText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A text that is a link a person can follow. */
export function findLink(value: unknown): { readonly link?: string } {
  return typeof value === "string" && /^https:\/\/[\x21-\x7e]{1,500}$/.test(value)
    ? { link: value }
    : {};
}
