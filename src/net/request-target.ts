/** The target of a request to an HTTP server of ours. */
export interface RequestTarget {
  /** The `host[:port]` that the target itself names; null when only the Host header says it. */
  readonly authority: string | null;
  /** The part before the `?`, still escaped. It begins with a slash. */
  readonly path: string;
  /** The part after the `?`, still escaped. */
  readonly query: string;
}

const ABSOLUTE = /^https?:\/\/([^/?#@]+)(.*)$/is;

/**
 * Parses the target of a request line (RFC 9112, 3.2): a path, or a whole URL, as a client sends it that takes us for a
 * proxy ("a server MUST accept the absolute-form in requests"). Null for any other text and a URL with a user name.
 */
export function parseRequestTarget(target: string): RequestTarget | null {
  if (target.startsWith('/')) return { authority: null, ...split(target) };
  const [, authority, rest = ''] = ABSOLUTE.exec(target) ?? [];
  if (authority === undefined || rest.startsWith('@')) return null;
  return { authority, ...split(rest.startsWith('/') ? rest : `/${rest}`) };
}

function split(text: string): { readonly path: string; readonly query: string } {
  const mark = text.indexOf('?');
  return mark === -1 ? { path: text, query: '' } : { path: text.slice(0, mark), query: text.slice(mark + 1) };
}
