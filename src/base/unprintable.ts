/** What no text of a torrent, a peer or a tracker may bring to a terminal or a log. */

/**
 * Controls (U+0085 is one), the line separators, halves of surrogate pairs, and every character that a reader does not
 * see (`DI`): marks that turn the direction of writing, fillers, tags. The joiners and the variation selectors stay:
 * Persian, Hindi, Mongolian and emoji need them.
 */
export const UNPRINTABLE =
  /(?!\u200c|\u200d|[\u180b-\u180d]|\u180f|[\ufe00-\ufe0f])[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{DI}\u2800\ufff9-\ufffb]/gu;
