/**
 * Keeps pages of other sites out. A page may lead a browser here under a name that it has made to mean this machine
 * (DNS rebinding). So a request must name us by an address or as localhost.
 */

/** Whether a `Host` header names this machine by an IP address or as localhost, with or without a port. */
export function isOurHost(host: string | undefined): boolean {
  if (host === undefined) return false;
  const name = host.replace(/:\d{1,5}$/, '');
  return /^localhost$/i.test(name) || /^(?:\d{1,3}\.){3}\d{1,3}$/.test(name) || /^\[[0-9a-f:.]+\]$/i.test(name);
}

/** Whether an `Origin` header is none of a web page, or of a page of ours: `host` is the `Host` of the same request. */
export function isOurOrigin(origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined) return true;
  if (origin === 'null') return false;
  const page = /^https?:\/\/(.*)$/i.exec(origin)?.[1];
  return page === undefined || (host !== undefined && page.toLowerCase() === host.toLowerCase());
}

/**
 * Whether a request comes of no page of another site. A page may show a film of ours without naming its origin, and
 * learn how long it is. Browsers say in Sec-Fetch-Site (Fetch Metadata) who asks; other players say nothing. The user
 * may follow a link that leads here.
 */
export function isOurPage(headers: Readonly<Record<string, string | readonly string[] | undefined>>): boolean {
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'none' || site === 'same-origin') return true;
  return headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
}
