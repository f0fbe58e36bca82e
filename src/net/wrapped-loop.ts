import type { Millis, Task } from '../base/clock.js';
import type { RawServer } from './raw-server.js';

/** A loop around another one, or a part of a loop around a part. What it does not change is done by the inner one. */
export abstract class WrappedLoop<T extends RawServer> {
  protected readonly inner: T;

  constructor(inner: T) {
    this.inner = inner;
  }

  get socketCount(): number {
    return this.inner.socketCount;
  }

  now(): Millis {
    return this.inner.now();
  }

  addTask(task: () => void, delay: Millis): Task {
    return this.inner.addTask(task, delay);
  }
}
