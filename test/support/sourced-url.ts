import { SecretUrl } from '../../src/base/secret-url.js';
import type { HttpTarget } from '../../src/discovery/http/http-fetch.js';
import type { SourcedUrl } from '../../src/net/url-rule.js';

/** `url` as if the user had named it. */
export function byUser(url: string): SourcedUrl {
  return { url: new SecretUrl(url), source: 'user' };
}

/** The target of a fetch when the user names `url`. */
export function plainTarget(url: string): HttpTarget {
  return { ...byUser(url), asked: null };
}
