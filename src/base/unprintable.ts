/**
 * Characters that text of a torrent, a peer or a tracker must not bring to a terminal or a log: controls (U+0085 is
 * one), the line separators, halves of surrogate pairs, and every character that a reader does not see (`DI`), such as
 * marks that turn the direction of writing, fillers and tags. The joiners and the variation selectors are allowed,
 * because Persian, Hindi, Mongolian and emoji need them.
 */
export const UNPRINTABLE =
  /(?!\u200c|\u200d|[\u180b-\u180d]|\u180f|[\ufe00-\ufe0f])[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{DI}\u2800\ufff9-\ufffb]/gu;
