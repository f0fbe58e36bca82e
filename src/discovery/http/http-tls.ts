/** The authorities that we trust over HTTPS, and sentences that tell the user what is wrong with a server's TLS. */
import { X509Certificate } from 'node:crypto';
import * as tls from 'node:tls';
import { BtgetError } from '../../base/failure.js';

const PEM = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]+-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g;

/** Certificate authorities that we trust besides those that Node trusts. */
export class Authorities {
  readonly #certificates: readonly string[];
  readonly #roots: () => readonly string[];
  #context: tls.SecureContext | null = null;

  /**
   * `pem`: one or more certificates, with any text between them. Throws a 'usage' failure when it has none, or one that
   * cannot be read. `roots` gives the authorities that we trust in any case.
   */
  constructor(pem: string, roots: () => readonly string[] = defaultRoots) {
    this.#roots = roots;
    this.#certificates = pem.match(PEM) ?? [];
    if (this.#certificates.length === 0)
      throw new BtgetError('usage', 'no certificate in PEM form (-----BEGIN CERTIFICATE-----)');
    for (const [index, certificate] of this.#certificates.entries()) {
      try {
        new X509Certificate(certificate);
      } catch (error) {
        throw new BtgetError('usage', `certificate ${index + 1} cannot be read`, { cause: error });
      }
    }
  }

  /** Made at its first use and then kept, because that takes some 10 ms. */
  get context(): tls.SecureContext {
    // The user may name an authority between a root and a server, and wants to trust it then.
    this.#context ??= tls.createSecureContext({
      ca: [...this.#roots(), ...this.#certificates],
      allowPartialTrustChain: true,
    });
    return this.#context;
  }
}

/** Node's authorities. Since Node 22.15 those of NODE_EXTRA_CA_CERTS and --use-system-ca are among them. */
function defaultRoots(): readonly string[] {
  const { getCACertificates } = tls as { readonly getCACertificates?: (type: 'default') => string[] };
  return getCACertificates?.('default') ?? tls.rootCertificates;
}

const TRUST = '--ca-certificate FILE names an authority to trust';
const CLOCK = 'is the clock of this machine right?';
const UNKNOWN = `its certificate comes from an authority that is not known here (${TRUST})`;
const SELF_SIGNED = `its certificate is self-signed, so no authority vouches for it (${TRUST})`;

/** The sentence for each of OpenSSL's verdicts on a certificate, by Node's name for the verdict. */
const CERTIFICATE_FAULTS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: SELF_SIGNED,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN,
  CERT_UNTRUSTED: UNKNOWN,
  CERT_REJECTED: UNKNOWN,
  CERT_HAS_EXPIRED: `its certificate has expired (the server must get a new one; ${CLOCK})`,
  CERT_NOT_YET_VALID: `its certificate is not valid yet (${CLOCK})`,
  CERT_REVOKED: 'its certificate was revoked by its authority (the server must get a new one)',
};

/**
 * The sentence for a failed handshake, by the words of OpenSSL or of the server's alert. The first that fits counts.
 */
const HANDSHAKE_FAULTS: readonly (readonly [pattern: RegExp, what: string])[] = [
  [
    /wrong version number|packet length too long|record layer failure|http request|unknown protocol/,
    'what answers there does not speak TLS (is it an http: URL?)',
  ],
  [
    /protocol version|unsupported protocol|no protocols available|version too/,
    'it and btget have no version of TLS in common (btget speaks 1.2 and 1.3)',
  ],
  [
    /handshake failure|no shared cipher|insufficient security|no ciphers/,
    'it and btget have no cipher of TLS in common',
  ],
  [/certificate required|bad certificate/, 'it asks for a certificate of ours, and btget has none'],
  [/unrecognized name/, 'it does not serve the name in the URL'],
  [/too weak|too small/, 'its certificate or its key is too weak (the server must get a stronger one)'],
];

/**
 * Why TLS failed, in our own words, because Node's words give advice on how to run Node. `host` is the name in the URL.
 */
export function explainTls(error: NodeJS.ErrnoException, host: string): string {
  const { code = '' } = error;
  if (code.startsWith('ERR_TLS_CERT_ALTNAME')) return explainName(error, host);
  const fault = Object.hasOwn(CERTIFICATE_FAULTS, code) ? CERTIFICATE_FAULTS[code] : undefined;
  if (fault !== undefined) return fault;
  // `error:0A00010B:SSL routines:ssl3_get_record:wrong version number:…`
  const reason = /:SSL routines:[^:]*:([^:\n]+)/.exec(error.message)?.[1];
  const known = HANDSHAKE_FAULTS.find(([pattern]) => pattern.test(reason ?? error.message));
  if (known !== undefined) return known[1];
  if (reason !== undefined || /^(?:EPROTO|ERR_)/.test(code)) return `the TLS handshake failed: ${reason ?? code}`;
  return `its certificate is not good: ${code}`;
}

const NAMES_TOLD = 3;

function explainName(error: Error, host: string): string {
  const { subjectaltname: text = '' } =
    'cert' in error && typeof error.cert === 'object' ? ((error.cert ?? {}) as { subjectaltname?: string }) : {};
  const names = text.split(', ').map((name) => name.replace(/^(?:DNS|IP Address):/, '').slice(0, 100));
  const more = names.length > NAMES_TOLD ? ' and others' : '';
  const whose = text === '' ? 'names no host' : `is for ${names.slice(0, NAMES_TOLD).join(', ')}${more}`;
  return `its certificate ${whose}, not for ${host} (use the name that it is for)`;
}
