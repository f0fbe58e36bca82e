/** A worker thread that hits a bug when it judges a piece alone. */
import { serveWorkExcept } from './refusing-worker.js';

serveWorkExcept('judge');
