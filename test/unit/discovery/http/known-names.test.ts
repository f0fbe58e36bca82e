import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findUnlisted } from '../../../../src/discovery/http/http-destination.js';
import { DEFAULT_NAME_LOOKUP_OPTIONS, type NameOutcome } from '../../../../src/discovery/http/http-name-lookup.js';
import { KnownNames } from '../../../../src/discovery/http/known-names.js';
import type { UrlStep } from '../../../../src/net/url-rule.js';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const FAILED: NameOutcome = { ok: false, isUnknown: false, message: 'no name server answers' };
const UNKNOWN: NameOutcome = { ok: false, isUnknown: true, message: 'no such name' };
const at = (...addresses: readonly string[]): NameOutcome => ({ ok: true, addresses });

/** Names that a script answers: each look-up gets `answer`, or waits when that is null. */
class World {
  now = 0;
  answer: NameOutcome | null = FAILED;
  readonly asked: string[] = [];
  readonly names = new KnownNames({ now: () => this.now }, (name, _options, answered) => {
    this.asked.push(name);
    if (this.answer !== null) answered(this.answer);
    return { cancel: () => this.asked.push(`${name} cancelled`) };
  });

  find(name: string, answer: NameOutcome | null): NameOutcome | 'later' {
    this.answer = answer;
    let outcome: NameOutcome | 'later' = 'later';
    const search = this.names.lookUp(name, DEFAULT_NAME_LOOKUP_OPTIONS, (found) => {
      outcome = found;
    });
    if (answer === null) search.cancel();
    return outcome;
  }
}

test('a name is looked up once a minute', () => {
  const world = new World();
  assert.deepEqual(world.find('a.test', at('192.0.2.1')), at('192.0.2.1'));
  world.now = 59 * SECOND;
  assert.deepEqual(world.find('a.test', at('192.0.2.2')), at('192.0.2.1'));
  assert.deepEqual(world.find('b.test', at('192.0.2.3')), at('192.0.2.3'));
  world.now = 60 * SECOND;
  assert.deepEqual(world.find('a.test', at('192.0.2.2')), at('192.0.2.2'));
  assert.deepEqual(world.asked, ['a.test', 'b.test', 'a.test']);
});

test('a name whose look-up fails leads where it led before, for an hour, and is asked for once a minute', () => {
  const world = new World();
  world.find('a.test', at('192.0.2.1'));
  for (let minute = 1; minute < 60; minute += 1) {
    world.now = minute * 60 * SECOND;
    for (const again of [1, 2]) assert.deepEqual(world.find('a.test', FAILED), at('192.0.2.1'), `${minute} ${again}`);
  }
  assert.equal(world.asked.length, 60);
  world.now = HOUR;
  assert.deepEqual(world.find('a.test', FAILED), FAILED);
});

test('a failure is not remembered, and a name that is there no more is forgotten', () => {
  const world = new World();
  assert.deepEqual(world.find('a.test', FAILED), FAILED);
  assert.deepEqual(world.find('a.test', at('192.0.2.1')), at('192.0.2.1'));
  world.now = 60 * SECOND;
  assert.deepEqual(world.find('a.test', UNKNOWN), UNKNOWN);
  assert.deepEqual(world.find('a.test', FAILED), FAILED);
});

test('a look-up can be given up, and changes nothing then', () => {
  const world = new World();
  assert.equal(world.find('a.test', null), 'later');
  assert.deepEqual(world.asked, ['a.test', 'a.test cancelled']);
});

test('a thousand names are known at most', () => {
  const world = new World();
  for (let name = 0; name <= 1_000; name += 1) world.find(`${name}.test`, at('192.0.2.1'));
  world.asked.length = 0;
  for (const name of ['1000.test', '1.test', '0.test']) world.find(name, at('192.0.2.1'));
  assert.deepEqual(world.asked, ['0.test']);
});

test('addresses that are known from before are judged for each step', () => {
  const world = new World();
  world.answer = at('203.0.113.1', '127.0.0.1');
  const find = findUnlisted(null, world.names.lookUp);
  const led = (source: UrlStep['source']): string => {
    let text = '';
    const step: UrlStep = { source, port: 80, path: '/', query: '', redirect: null };
    find('a.test', null, step, (outcome) => {
      text = outcome.ok ? outcome.destinations.map(({ host }) => host).join() : outcome.message;
    });
    return text;
  };
  assert.deepEqual(
    [led('user'), led('torrent-web-seed'), led('user')],
    ['203.0.113.1,127.0.0.1', '203.0.113.1', '203.0.113.1,127.0.0.1'],
  );
  assert.deepEqual(world.asked, ['a.test']);
});
