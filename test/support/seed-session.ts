/** A session of the library that seeds fixtures on loopback. It sends nothing to other machines. */
import assert from 'node:assert/strict';
import { createNodeSession, type NodeSession, type PeerAddress, parseMetainfo } from '../../src/index.js';
import { FIXTURES } from './btget-process.js';

export const LOOPBACK = { bind: '127.0.0.1', port: { first: 0, last: 0 }, useTorrentTrackers: false } as const;

/** Seeds `torrents`. Resolves when the session serves all of them. */
export async function seedFixtures(
  torrents: readonly Buffer[],
): Promise<{ readonly session: NodeSession; readonly peer: PeerAddress }> {
  const { bind, port, useTorrentTrackers } = LOOPBACK;
  const session = createNodeSession({ bind, port, gotException: (error) => assert.ifError(error) });
  const peer = await new Promise<PeerAddress>((resolve) =>
    session.listen((outcome) => {
      assert.ok(outcome.ok);
      resolve({ host: '127.0.0.1', port: outcome.port });
    }),
  );
  for (const torrent of torrents)
    await new Promise<void>((resolve) => {
      const nothing = (): void => undefined;
      const events = { started: nothing, fileDone: nothing, trackerAnswered: nothing, warned: nothing, done: resolve };
      const goal = { ratio: null, time: null };
      const options = { useTorrentTrackers, dir: FIXTURES, mode: 'seed', seedGoal: goal } as const;
      const failed = (failure: unknown): void => assert.ifError(failure);
      session.addTorrent(parseMetainfo(torrent), options, { ...events, goalReached: nothing, failed });
    });
  return { session, peer };
}
