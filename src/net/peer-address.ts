/** An IP literal (never a name) and a port from 1 to 65535. */
export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}
