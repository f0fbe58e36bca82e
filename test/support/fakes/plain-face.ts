import type { TrackerFace } from '../../../src/tracker/tracker-standing.js';

/** Of a tracker that knows nothing of its torrents and has no page. */
export const PLAIN_FACE: TrackerFace = { version: '0', known: () => null, page: { style: '', write: () => '' } };
