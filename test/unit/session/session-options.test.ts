import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DEFAULT_SESSION_OPTIONS,
  followedOptions,
  listensFor,
  type SessionOptions,
} from '../../../src/session/session-options.js';

test('a session behind a proxy neither listens nor names its port, unless the user insists', () => {
  const proxy = 'socks5://10.0.0.1';
  const rows: readonly (readonly [Partial<SessionOptions>, listens: boolean, firstPort: number])[] = [
    [{}, true, 6881],
    [{ listen: false }, false, 6881],
    [{ proxy }, false, 1],
    [{ proxy, listenAnyway: true }, true, 6881],
    [{ proxy, listenAnyway: true, listen: false }, false, 6881],
    [{ listenAnyway: true }, true, 6881],
  ];
  for (const [given, listens, firstPort] of rows) {
    const options = { ...DEFAULT_SESSION_OPTIONS, ...given };
    const { listen, port } = followedOptions(options);
    assert.deepEqual([listensFor(options), listen, port.first], [listens, listens, firstPort], JSON.stringify(given));
  }
});
