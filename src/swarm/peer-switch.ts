import type { Merits, Newcomer, PeerConnection, PeerEvents, Side } from './peer-connection.js';

/** Hands everything on to one listener, who may be replaced by another while connections live on. */
export class PeerSwitch implements PeerEvents {
  #listener: PeerEvents;

  constructor(listener: PeerEvents) {
    this.#listener = listener;
  }

  switchTo(listener: PeerEvents): void {
    this.#listener = listener;
  }

  connectionMade(connection: PeerConnection): void {
    this.#listener.connectionMade(connection);
  }

  gotFrame(connection: PeerConnection, frame: Buffer): void {
    this.#listener.gotFrame(connection, frame);
  }

  connectionFlushed(connection: PeerConnection): void {
    this.#listener.connectionFlushed(connection);
  }

  connectionLost(connection: PeerConnection): void {
    this.#listener.connectionLost(connection);
  }

  listeningPort(connection: PeerConnection): number | null {
    return this.#listener.listeningPort(connection);
  }

  hasNothingToSay(connection: PeerConnection): boolean {
    return this.#listener.hasNothingToSay(connection);
  }

  merits(connection: PeerConnection): Merits {
    return this.#listener.merits(connection);
  }

  wantsNothing(): boolean {
    return this.#listener.wantsNothing();
  }

  leastUseful(side: Side): PeerConnection | undefined {
    return this.#listener.leastUseful(side);
  }

  placeFor(newcomer: Newcomer): PeerConnection | undefined {
    return this.#listener.placeFor(newcomer);
  }
}
