/** Which URLs of trackers and web seeds are worth keeping, whoever names them. */

/** Bytes of UTF-8 that a URL may have; longer ones are abuse. */
const MAX_URL_LENGTH = 4096;

export function isTrackerUrl(url: string): boolean {
  return /^(https?|udp|wss?):\/\/[^/]/i.test(url) && isClean(url);
}

/** BEP 19. */
export function isWebSeedUrl(url: string): boolean {
  return /^https?:\/\/[^/]/i.test(url) && isClean(url);
}

/** A line break would end a header; U+FFFD stands for bytes that are no text. */
function isClean(url: string): boolean {
  return Buffer.byteLength(url) <= MAX_URL_LENGTH && !/[\p{Cc}\ufffd]/u.test(url);
}
