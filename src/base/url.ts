/**
 * The URL that `text` spells, relative to `base` where one is given; undefined when it spells none. `URL.canParse` is
 * not asked: once V8 has optimised the call, it answers true for some text with characters above U+007F that
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
