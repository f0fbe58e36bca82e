import { describeStorage } from '../support/contract/storage-contract.js';
import {
  DEFAULT_MEMORY_STORAGE_OPTIONS,
  MemoryStorage,
  type MemoryStorageOptions,
} from '../support/fakes/memory-storage.js';
import { Timeline } from '../support/simulation/timeline.js';

function describeMemory(name: string, options: MemoryStorageOptions): void {
  describeStorage(name, (torrent) => {
    const timeline = new Timeline();
    return {
      storage: new MemoryStorage(torrent.metainfo, timeline, options),
      slotOf: (bytes) => ({ data: Buffer.from(bytes) }),
      answer: (asking) =>
        new Promise((resolve) => {
          asking(resolve);
          timeline.run(1000);
        }),
      end: async () => timeline.run(1000),
    };
  });
}

describeMemory('memory', DEFAULT_MEMORY_STORAGE_OPTIONS);
describeMemory('slow memory', { ...DEFAULT_MEMORY_STORAGE_OPTIONS, latency: 20 });
