/**
 * The URL that `text` spells, relative to `base` when one is given; undefined when `text` is not a URL. `URL.canParse`
 * is of no use here: once V8 has optimised the call, it returns true for some texts with characters above U+007F that
 * `new URL` refuses.
 */
export function urlOf(text: string, base?: string): URL | undefined {
  try {
    return new URL(text, base);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
