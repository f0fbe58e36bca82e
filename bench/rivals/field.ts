import type { Bench } from '../harness/bench.js';
import { aria2Client, btgetClient, type Client, type Encryption, libtorrentClient } from './clients.js';
import { startNamingTracker } from './naming-tracker.js';

/** btget, and after it the rivals that are installed. */
export interface Field {
  readonly clients: readonly Client[];
  end(): void;
}

export async function makeField(bench: Bench, encryption: Encryption = 'none'): Promise<Field> {
  const tracker = await startNamingTracker();
  return {
    clients: [
      btgetClient(bench, encryption),
      ...(bench.rivals.libtorrent === undefined ? [] : [libtorrentClient(encryption)]),
      ...(bench.rivals.aria2 === undefined ? [] : [aria2Client(bench, (peers) => tracker.urlFor(peers), encryption)]),
    ],
    end: () => tracker.end(),
  };
}
