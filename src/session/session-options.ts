/** What a whole process is to do. */
export interface SessionOptions {
  /** Ports to try, counting up. */
  readonly port: { readonly first: number; readonly last: number };
  /** Listen for peers at all. */
  readonly listen: boolean;
  /** The address or interface that every socket uses, or null for any. */
  readonly bind: string | null;
  /** Bytes a second for the process; null for no limit. */
  readonly maxDownload: number | null;
  readonly maxUpload: number | null;
}

export const DEFAULT_SESSION_OPTIONS: SessionOptions = {
  port: { first: 6881, last: 6999 },
  listen: true,
  bind: null,
  maxDownload: null,
  maxUpload: null,
};
