/**
 * The URL in a Location header whose value is `value`, one Latin-1 character for each byte. A URL has ASCII alone
 * (RFC 3986), but servers write the name of a file there as it lies on their disk, mostly in UTF-8. Each such byte goes
 * back escaped as it came, as curl sends it: as characters of Latin-1, a URL would escape each of them as two bytes.
 */
export function escapedLocation(value: string): string {
  return value.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
}
