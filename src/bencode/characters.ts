/** The bytes that have a meaning in bencode (BEP 3), besides the nine other digits. */

export const ZERO = 0x30;
export const MINUS = 0x2d;
export const COLON = 0x3a;
export const DICTIONARY = 0x64;
export const END = 0x65;
export const INTEGER = 0x69;
export const LIST = 0x6c;
