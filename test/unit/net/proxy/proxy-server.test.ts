import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BtgetError } from '../../../../src/base/failure.js';
import { parseProxy } from '../../../../src/net/proxy/proxy-server.js';

/** What each text names: kind, host, port, user and password, and how it is shown. */
const GOOD: Readonly<Record<string, readonly [string, string, number, readonly [string, string] | null, string]>> = {
  'socks5://proxy.example': ['socks5', 'proxy.example', 1080, null, 'proxy.example:1080'],
  'socks5h://proxy.example': ['socks5', 'proxy.example', 1080, null, 'proxy.example:1080'],
  'http://proxy.example': ['http', 'proxy.example', 80, null, 'proxy.example:80'],
  'SOCKS5://Proxy.EXAMPLE:9050/': ['socks5', 'proxy.example', 9050, null, 'proxy.example:9050'],
  'http://proxy.example:3128': ['http', 'proxy.example', 3128, null, 'proxy.example:3128'],
  // The usual ports of the schemes that the parser knows.
  'socks5://proxy.example:80': ['socks5', 'proxy.example', 80, null, 'proxy.example:80'],
  'socks5://proxy.example:443': ['socks5', 'proxy.example', 443, null, 'proxy.example:443'],
  'http://proxy.example:443/': ['http', 'proxy.example', 443, null, 'proxy.example:443'],
  'socks5://proxy.example:0080': ['socks5', 'proxy.example', 80, null, 'proxy.example:80'],
  'socks5://proxy.example:80?': ['socks5', 'proxy.example', 80, null, 'proxy.example:80'],
  'socks5://proxy.example:80 ': ['socks5', 'proxy.example', 80, null, 'proxy.example:80'],
  'socks5://proxy.example:65535': ['socks5', 'proxy.example', 65_535, null, 'proxy.example:65535'],
  'socks5://192.0.2.1': ['socks5', '192.0.2.1', 1080, null, '192.0.2.1:1080'],
  'socks5://0x7f000001:9': ['socks5', '127.0.0.1', 9, null, '127.0.0.1:9'],
  'socks5://[2001:DB8:0::1]:9050': ['socks5', '2001:db8::1', 9050, null, '[2001:db8::1]:9050'],
  'http://[::1]': ['http', '::1', 80, null, '[::1]:80'],
  'socks5://[::1]:80': ['socks5', '::1', 80, null, '[::1]:80'],
  'socks5://user:pass@proxy.example:1': ['socks5', 'proxy.example', 1, ['user', 'pass'], 'proxy.example:1'],
  'socks5://user@proxy.example:1': ['socks5', 'proxy.example', 1, ['user', ''], 'proxy.example:1'],
  'http://user:@[::1]:80': ['http', '::1', 80, ['user', ''], '[::1]:80'],
  'socks5://a%20b:p%40ss%3A%2f%25@h:1': ['socks5', 'h', 1, ['a b', 'p@ss:/%'], 'h:1'],
  'socks5://us:er:p@ss@h:1': ['socks5', 'h', 1, ['us', 'er:p@ss'], 'h:1'],
  'socks5://a%3Ab:c@h:1': ['socks5', 'h', 1, ['a:b', 'c'], 'h:1'],
  'socks5://übel:gr%C3%BCn@h:1': ['socks5', 'h', 1, ['übel', 'grün'], 'h:1'],
  // What is no escape stays, beside what is one.
  'socks5://100%:50%ü%20%zz%ff@h:1': ['socks5', 'h', 1, ['100%', '50%ü %zz%ff'], 'h:1'],
  [`socks5://${'u'.repeat(255)}:${'%C3%BC'.repeat(127)}p@h`]: [
    'socks5',
    'h',
    1080,
    ['u'.repeat(255), `${'ü'.repeat(127)}p`],
    'h:1080',
  ],
  'http://bücher.example': ['http', 'xn--bcher-kva.example', 80, null, 'xn--bcher-kva.example:80'],
};

const SECRET = 'hunter2';
const LIST = 'socks5://proxy.example:1080, socks5h://… or http://…, with user name and password before the host';
const FORMS = `a proxy is named as ${LIST}`;
const OTHERS = ` is no proxy that btget speaks to; one is named as ${LIST}`;

/** What is said of each text behind `--proxy: `. */
const BAD: Readonly<Record<string, string>> = {
  '': FORMS,
  'proxy.example:1080': FORMS,
  [`user:${SECRET}@proxy.example:1080`]: FORMS,
  'socks5:proxy.example': FORMS,
  'socks5://': FORMS,
  'socks5://:1080': FORMS,
  [`socks5://user:${SECRET}@`]: FORMS,
  [`socks5://user:${SECRET}@:1080`]: FORMS,
  [`socks5://user:${SECRET}@h:65536`]: FORMS,
  [`socks5://user:${SECRET}@h:-1`]: FORMS,
  [`socks5://user:${SECRET}@h:port`]: FORMS,
  [`socks5://user:${SECRET}@h:10 80`]: FORMS,
  [`socks5://user:${SECRET}@a b:1080`]: FORMS,
  [`socks5://user:${SECRET}@[::1:1080`]: FORMS,
  [`socks5://user:${SECRET}@[::1%25eth0]:1080`]: FORMS,
  // A mark of URLs in a password ends the host, or begins it too late.
  [`socks5://user:${SECRET}/x@h:1080`]: FORMS,
  [`socks5://user:${SECRET}#x@h:1080`]: FORMS,
  [`socks5://user:${SECRET}@h:1080/path`]: FORMS,
  [`socks5://user:${SECRET}@h:1080?query`]: FORMS,
  [`socks5://user:${SECRET}@h:1080#part`]: FORMS,
  [`socks5://user:${SECRET}@h:0`]: '0 is no port of a proxy',
  [`socks4://user:${SECRET}@h:1080`]: `'socks4://'${OTHERS}`,
  [`https://user:${SECRET}@h:1080`]: `'https://'${OTHERS}`,
  'constructor://h:1080': `'constructor://'${OTHERS}`,
  [`socks5://:${SECRET}@h:1080`]: 'a proxy with a password and without a user name',
  [`socks5://${'u'.repeat(256)}:${SECRET}@h`]: 'the user name of a proxy has at most 255 bytes',
  [`socks5://user:${SECRET}${'ü'.repeat(125)}@h`]: 'the password of a proxy has at most 255 bytes',
  [`http://us%3Aer:${SECRET}@h:8080`]: 'a user name for HTTP has no colon',
};

describe('the name of a proxy', () => {
  for (const [text, [kind, host, port, login, shown]] of Object.entries(GOOD)) {
    it(`is read: ${text.slice(0, 60)}`, () => {
      const credentials = login === null ? null : { user: login[0], password: login[1] };
      assert.deepEqual(parseProxy(text, '--proxy'), { kind, host, port, credentials, shown });
    });
  }

  for (const [text, message] of Object.entries(BAD)) {
    it(`is refused, and the password never told: ${text.slice(0, 60)}`, () => {
      const refusal = (error: unknown): boolean => {
        assert.ok(error instanceof BtgetError && error.code === 'usage');
        assert.equal(error.message, `--proxy: ${message}`);
        assert.ok(!JSON.stringify([error.message, error.stack, { ...error }]).includes(SECRET));
        return true;
      };
      assert.throws(() => parseProxy(text, '--proxy'), refusal);
    });
  }
});
