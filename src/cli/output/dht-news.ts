import type { DhtStatus } from '../../discovery/dht/dht-node.js';
import type { DhtNews } from './stall-reasons.js';

/** `status` is null when the DHT is not used. */
export function dhtNews(status: DhtStatus | null): DhtNews {
  if (status === null) return { use: 'off' };
  const nodes = status.families.reduce((sum, { good, questionable }) => sum + good + questionable, 0);
  const { routers } = status;
  return {
    use: 'on',
    nodes,
    routersAsked: routers.length,
    routersReached: routers.filter(({ state }) => state === 'reached').length,
  };
}
