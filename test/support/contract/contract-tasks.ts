import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { RawServerWorld } from './raw-server-world.js';

export function taskContract(name: string, createWorld: () => RawServerWorld): void {
  describe(`tasks of the ${name}`, () => {
    let world: RawServerWorld;
    beforeEach(() => {
      world = createWorld();
    });
    afterEach(() => world.close());

    it('run in the order in which they are due, or else in the order of asking, never within the call', async () => {
      const server = world.create();
      const log: string[] = [];
      // The test may be held up between two calls, so we know only bounds for the time at which a task is due.
      const due = new Map<string, { earliest: number; latest: number }>();
      const add = (what: string, delay: number): void => {
        const earliest = server.now() + Math.max(0, delay);
        server.addTask(() => log.push(what), delay);
        due.set(what, { earliest, latest: server.now() + Math.max(0, delay) });
      };
      add('20', 20);
      add('0', 0);
      add('10', 10);
      add('also 0', 0);
      add('negative', -5);
      assert.deepEqual(log, []);
      await world.until(() => log.length === 5);
      for (const [index, what] of log.entries()) {
        const next = due.get(log[index + 1] ?? what);
        assert.ok((due.get(what)?.earliest ?? Number.NaN) <= (next?.latest ?? Number.NaN), log.join());
      }
      assert.deepEqual([...log].sort(), ['0', '10', '20', 'also 0', 'negative']);
    });

    it('without a delay run after all tasks that are due already', async () => {
      const server = world.create();
      const log: string[] = [];
      server.addTask(() => {
        log.push('first');
        server.addTask(() => log.push('asked by the first'), 0);
      }, 0);
      server.addTask(() => log.push('second'), 0);
      await world.until(() => log.length === 3);
      assert.deepEqual(log, ['first', 'second', 'asked by the first']);
    });

    it('do not run before their time', async () => {
      const server = world.create();
      const asked = server.now();
      let ran = 0;
      server.addTask(() => {
        ran = server.now();
      }, 15);
      await world.until(() => ran > 0);
      assert.ok(ran - asked >= 15, `${ran - asked}`);
    });

    it('do not run when they are cancelled, and cancelling twice or too late does nothing', async () => {
      const server = world.create();
      const log: string[] = [];
      const withdrawn = server.addTask(() => log.push('withdrawn'), 0);
      const kept = server.addTask(() => log.push('kept'), 5);
      withdrawn.cancel();
      withdrawn.cancel();
      await world.until(() => log.length > 0);
      kept.cancel();
      assert.deepEqual(log, ['kept']);
    });

    it('may cancel one another, even those that are due together', async () => {
      const server = world.create();
      const log: string[] = [];
      server.addTask(() => {
        log.push('first');
        second.cancel();
      }, 0);
      const second = server.addTask(() => log.push('second'), 0);
      server.addTask(() => log.push('last'), 10);
      await world.until(() => log.includes('last'));
      assert.deepEqual(log, ['first', 'last']);
    });

    it('do not stop the others when they fail, and their exceptions are reported', async () => {
      const reported: unknown[] = [];
      const server = world.create({ gotException: (error) => reported.push(error) });
      const fault = new Error('a bug');
      let ran = false;
      server.addTask(() => {
        throw fault;
      }, 0);
      server.addTask(() => {
        ran = true;
      }, 0);
      await world.until(() => ran);
      assert.deepEqual(reported, [fault]);
    });
  });
}
