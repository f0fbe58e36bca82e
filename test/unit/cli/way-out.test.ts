import assert from 'node:assert/strict';
import { test } from 'node:test';
import { httpProxiesOf, noticeOfProxies } from '../../../src/cli/way-out.js';

const SAID_NOTHING = { bind: null, caCertificate: null, proxy: null, noProxy: false };
type Environment = Readonly<Record<string, string>>;

const proxies = (env: Environment) => httpProxiesOf(SAID_NOTHING, env);

test('the environment names proxies as curl reads it', () => {
  const a = 'http://10.0.0.1:3128';
  const rows: readonly (readonly [Environment, ReturnType<typeof proxies>])[] = [
    [{}, null],
    [{ http_proxy: a }, { http: a, https: null, except: [] }],
    [{ HTTP_PROXY: a }, null],
    [{ HTTPS_PROXY: a }, { http: null, https: a, except: [] }],
    [
      { https_proxy: 'socks5://b:1', HTTPS_PROXY: a },
      { http: null, https: 'socks5://b:1', except: [] },
    ],
    [{ ALL_PROXY: a }, { http: a, https: a, except: [] }],
    [
      { all_proxy: 'http://b', ALL_PROXY: a, http_proxy: a },
      { http: a, https: 'http://b', except: [] },
    ],
    [{ http_proxy: '10.0.0.1:3128' }, { http: a, https: null, except: [] }],
    [{ http_proxy: '', https_proxy: '' }, null],
    [
      { http_proxy: a, NO_PROXY: 'localhost, 10.0.0.0/8 .test' },
      { http: a, https: null, except: ['localhost', '10.0.0.0/8', '.test'] },
    ],
    [
      { http_proxy: a, no_proxy: 'b', NO_PROXY: 'c' },
      { http: a, https: null, except: ['b'] },
    ],
  ];
  for (const [env, expected] of rows) assert.deepEqual(proxies(env), expected, JSON.stringify(env));
});

test('--proxy takes the place of the proxies of the environment, and --no-proxy does without', () => {
  const env = { http_proxy: 'http://10.0.0.1' };
  assert.equal(httpProxiesOf({ ...SAID_NOTHING, proxy: 'socks5://10.0.0.2' }, env), null);
  assert.equal(httpProxiesOf({ ...SAID_NOTHING, noProxy: true }, env), null);
});

test('a proxy of the environment that makes no sense fails what it would carry, without its password', () => {
  for (const text of ['ftp://me:secret@10.0.0.1', 'socks5://me:secret@', 'socks://10.0.0.1:1080/', 'http://h:0']) {
    const found = proxies({ ALL_PROXY: text });
    assert.deepEqual(found?.http, found?.https);
    assert.ok(typeof found?.http === 'object' && found.http !== null, text);
    assert.match(found.http.unusable, /^ALL_PROXY: .*; --no-proxy does without it$/);
    assert.doesNotMatch(found.http.unusable, /secret/);
    assert.equal(noticeOfProxies(found), `nothing goes over HTTP: ${found.http.unusable}`);
  }
  const one = proxies({ https_proxy: 'https://10.0.0.1', http_proxy: 'http://10.0.0.1:3128' });
  assert.equal(one?.http, 'http://10.0.0.1:3128');
  assert.match(noticeOfProxies(one) ?? '', /^HTTP goes through the proxy 10\.0\.0\.1:3128 /);
});

test('the path of a proxy of the environment says nothing', () => {
  assert.equal(proxies({ http_proxy: 'http://me:secret@10.0.0.1:3128/x?y' })?.http, 'http://me:secret@10.0.0.1:3128');
});

test('the user is told once what proxies of the environment do not cover, without a password', () => {
  assert.equal(noticeOfProxies(null), null);
  const one = { http: 'http://me:secret@10.0.0.1:3128', https: 'http://me:secret@10.0.0.1:3128', except: [] };
  assert.equal(
    noticeOfProxies(one),
    'HTTP goes through the proxy 10.0.0.1:3128 (from the environment); peers and UDP do not: ' +
      '--proxy covers them, --no-proxy does without',
  );
  const two = { ...one, https: 'socks5://10.0.0.2' };
  assert.match(noticeOfProxies(two) ?? '', /the proxy 10\.0\.0\.1:3128 and 10\.0\.0\.2:1080 \(/);
});
