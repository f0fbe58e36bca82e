import { MemoryStorage, type MemoryStorageOptions, memoryStorageDefaults } from '../support/memory-storage.js';
import { describeStorage } from '../support/storage-contract.js';
import { Timeline } from '../support/timeline.js';

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

describeMemory('memory', memoryStorageDefaults);
describeMemory('slow memory', { ...memoryStorageDefaults, latency: 20 });
