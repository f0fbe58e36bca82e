/** Why an announce was refused: it makes no sense, its torrent is not served, or another one has that peer id. */
export type RefusedAnnounce = 'malformed' | 'not_served' | 'other_peer';

export type Transport = 'http' | 'udp';

/** What a tracker has done since it began. */
export class TrackerCounts {
  /** Refused ones too. */
  readonly announces: Record<Transport, number> = { http: 0, udp: 0 };
  readonly scrapes: Record<Transport, number> = { http: 0, udp: 0 };
  readonly refusals: Record<RefusedAnnounce, number> = { malformed: 0, not_served: 0, other_peer: 0 };
  /** How often a peer has fetched the whole of a torrent. */
  completions = 0;
}
