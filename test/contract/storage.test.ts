import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeStorage } from '../support/contract/storage-contract.js';
import { ask, diskFolder, slotOf } from '../support/disk/file-disk.js';
import { blockingFileOperations, simulatedDisk } from '../support/simulation/simulated-disk.js';
import { Timeline } from '../support/simulation/timeline.js';

describeStorage('files', (torrent) => {
  const folder = diskFolder();
  return { storage: folder.open(torrent), slotOf, answer: ask, end: () => folder.end() };
});

describeStorage('files in simulated time', ({ metainfo, layout }) => {
  const dir = mkdtempSync(join(tmpdir(), 'btget-simulated-'));
  const timeline = new Timeline();
  const storage = simulatedDisk(timeline, blockingFileOperations).openStorage({
    ...{ timers: null, metainfo, layout, dir, output: null },
    ...{ partNames: true, overwrite: false, selected: null },
  });
  return {
    storage,
    slotOf: (bytes) => ({ data: Buffer.from(bytes) }),
    answer: (asking) =>
      new Promise((resolve) => {
        asking(resolve);
        timeline.run(1000);
      }),
    end: async () => rmSync(dir, { recursive: true, force: true }),
  };
});
