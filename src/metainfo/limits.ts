/** How large a torrent may be: larger ones cost memory and time that nobody asks for in good faith. */

/** Bytes of a whole .torrent. */
export const MAX_TORRENT_LENGTH = 32 * 1024 * 1024;
/** Bytes of a piece. */
export const MAX_PIECE_LENGTH = 512 * 1024 * 1024;
export const MAX_PIECE_COUNT = 2_097_152;
