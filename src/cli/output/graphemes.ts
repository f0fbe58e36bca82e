/** Cuts text into graphemes, each of which a reader sees as one character, and knows how wide a terminal draws each. */
import { eastAsianWidth } from 'get-east-asian-width';

// Made when the first text needs it: to load its tables takes longer than to load this program.
let segmenter: Intl.Segmenter | null = null;

/** The graphemes of `text`, in order. Together they are the whole text. */
export function* graphemesOf(text: string): IterableIterator<string> {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  for (const { segment } of segmenter.segment(text)) yield segment;
}

/** Marks that stand upon other characters, characters that are not seen (`DI`), and controls. */
const NO_WIDTH = /[\p{Mn}\p{Me}\p{DI}\p{Cc}\p{Cs}]/u;

/**
 * Pictures of several characters, of which the first alone may be narrow. Flags need no rule, because their two letters
 * take a column each.
 */
const PICTURES: readonly RegExp[] = [
  // The selector of the coloured form.
  /^\p{Extended_Pictographic}\ufe0f/u,
  // A skin tone.
  /^\p{Emoji_Modifier_Base}\ufe0f?\p{Emoji_Modifier}/u,
  // Joined ones.
  /^\p{Extended_Pictographic}.*\u200d\p{Extended_Pictographic}/u,
  // A key.
  /^[\d#*]\ufe0f?\u20e3/u,
];

/** Letters of Hangul that join the wide one before them into one syllable: its vowel and its end. */
const HANGUL_TAIL = /[\u1160-\u11ff\ud7b0-\ud7fb]/;

/**
 * How many columns a terminal gives to one grapheme, by Unicode's East Asian Width (UAX #11) and the rules for emoji
 * (UTS #51). Ambiguous characters are narrow. A terminal that knows no joined emoji draws their parts, which are wider.
 */
export function columnsOfGrapheme(grapheme: string): number {
  if (PICTURES.some((picture) => picture.test(grapheme))) return 2;
  let columns = 0;
  for (const character of grapheme) {
    if (NO_WIDTH.test(character)) continue;
    if (columns > 0 && HANGUL_TAIL.test(character)) continue;
    columns += eastAsianWidth(character.codePointAt(0) as number);
  }
  return columns;
}
