import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SchemeTrackerClient } from '../../../../src/discovery/trackers/http-tracker-client.js';
import type {
  AnnounceRequest,
  ScrapeOutcome,
  TrackerScraper,
} from '../../../../src/discovery/trackers/tracker-client.js';
import type { SourcedUrl } from '../../../../src/net/url-rule.js';
import { answer, FakeTrackers } from '../../../support/fakes/fake-tracker.js';
import { Timeline } from '../../../support/simulation/timeline.js';
import { byUser } from '../../../support/sourced-url.js';

class FakeClient extends FakeTrackers implements TrackerScraper {
  readonly scraped: string[] = [];

  scrape({ url }: SourcedUrl, _: readonly Buffer[], answered: (outcome: ScrapeOutcome) => void): { cancel(): void } {
    this.scraped.push(url.whole);
    answered({ ok: true, torrents: [] });
    return { cancel: () => undefined };
  }
}

test('each request goes to the client for the scheme of its URL, and can be cancelled there', () => {
  const timeline = new Timeline();
  const [http, udp] = [0, 1].map(() => new FakeClient(timeline, () => answer())) as [FakeClient, FakeClient];
  const client = new SchemeTrackerClient(http, udp);
  const request: Omit<AnnounceRequest, 'url' | 'source'> = {
    infoHash: Buffer.alloc(20),
    peerId: Buffer.alloc(20),
    port: 1,
    uploaded: 0,
    downloaded: 0,
    left: 0,
    event: null,
    numwant: 0,
    key: '00000000',
    trackerId: null,
    encryption: 'none',
  };
  let answered = 0;
  for (const url of ['http://a/', 'udp://b:1', 'UDP://c:1', 'https://d/', 'wss://e/', 'x']) {
    client.announce({ ...request, ...byUser(url) }, () => {
      answered += 1;
    });
  }
  client.announce({ ...request, ...byUser('udp://f:1') }, () => assert.fail('it was cancelled')).cancel();
  timeline.run(1);
  for (const url of ['http://a/', 'Udp://b:1']) {
    client.scrape(byUser(url), [], () => {
      answered += 1;
    });
  }
  assert.equal(answered, 8);
  assert.deepEqual([http.scraped, udp.scraped], [['http://a/'], ['Udp://b:1']]);
  assert.deepEqual(
    [http, udp].map(({ requests }) => requests.map(({ url }) => url.whole)),
    [
      ['http://a/', 'https://d/', 'wss://e/', 'x'],
      ['udp://b:1', 'UDP://c:1', 'udp://f:1'],
    ],
  );
});
