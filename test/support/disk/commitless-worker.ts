/** A worker thread that hits a bug when it both judges and writes a piece. */
import { serveWorkExcept } from './refusing-worker.js';

serveWorkExcept('commit');
