"""One libtorrent client for the live tests: libtorrent-peer.py TORRENT|MAGNET DIR HOST PORT [OPTION ...] [HOST:PORT ...]

Prints a JSON line when it listens, then one a second with its progress; ends when its standard input ends.
Discovery is off: it knows the torrent's trackers and the peers on its command line, nothing else. With --dht it takes
part in the DHT, and what is on its command line are nodes to enter it. With --lsd it finds peers in its own network.
With --encryption=preferred, required, rc4, plaintext or none it wants that of message stream encryption.
With --far-ahead it asks each peer for as many blocks as the peer says it queues, up to 2,000.
"""
import json
import select
import sys
import libtorrent as lt

torrent, save_path, host, port, *rest = sys.argv[1:]
dht = '--dht' in rest
addresses = [address for address in rest if not address.startswith('--')]
wish = next((option.split('=')[1] for option in rest if option.startswith('--encryption=')), None)
# Policies: 0 forced, 1 enabled, 2 disabled. Levels: 1 plaintext, 2 RC4, 3 both.
policy, level = {None: (1, 3), 'preferred': (1, 3), 'required': (0, 3), 'rc4': (0, 2), 'plaintext': (0, 1),
                 'none': (2, 3)}[wish]
session = lt.session({
    'in_enc_policy': policy, 'out_enc_policy': policy, 'allowed_enc_level': level, 'prefer_rc4': wish == 'preferred',
    'listen_interfaces': f'{host}:{port}',
    'outgoing_interfaces': host,
    'enable_dht': dht, 'dht_bootstrap_nodes': ','.join(addresses) if dht else '',
    # All nodes of the test are in one network, which is none of the world's, and many of them at one address.
    'dht_restrict_routing_ips': False, 'dht_restrict_search_ips': False, 'dht_ignore_dark_internet': False,
    'dht_prefer_verified_node_ids': False, 'dht_announce_interval': 1, 'dht_block_ratelimit': 1000,
    'enable_lsd': '--lsd' in rest, 'enable_upnp': False, 'enable_natpmp': False,
    'enable_incoming_utp': False, 'enable_outgoing_utp': False,
    'allow_multiple_connections_per_ip': True,
    'alert_mask': 0,
    **({'max_out_request_queue': 2000, 'request_queue_time': 1000} if '--far-ahead' in rest else {}),
})
if torrent.startswith('magnet:'):
    params = lt.parse_magnet_uri(torrent)
    params.save_path = save_path
    handle = session.add_torrent(params)
else:
    handle = session.add_torrent({'ti': lt.torrent_info(torrent), 'save_path': save_path})
for peer in [] if dht else addresses:
    peer_host, peer_port = peer.rsplit(':', 1)
    handle.connect_peer((peer_host, int(peer_port)))
print(json.dumps({'port': session.listen_port()}), flush=True)
while True:
    readable, _, _ = select.select([sys.stdin], [], [], 0.2)
    if readable and not sys.stdin.read(1):
        break
    status = handle.status()
    print(json.dumps({'state': str(status.state), 'progress': status.progress, 'peers': status.num_peers,
                      'uploaded': status.total_payload_upload}), flush=True)
