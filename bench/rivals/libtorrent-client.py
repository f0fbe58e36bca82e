"""libtorrent with discovery and encryption off.

libtorrent-client.py download TORRENT|MAGNET DIR [PEER_PORT ...]   ends when everything is there
libtorrent-client.py seed TORRENT DIR [BYTES_A_SECOND]      trusts what is there, serves it until it is ended

Beyond its defaults it dials all peers at once and has room for many, as a rival ought to be at its best with these.
"""
import sys
import time
import libtorrent as lt

role, torrent, save_path, *rest = sys.argv[1:]
session = lt.session({
    'listen_interfaces': '127.0.0.1:0', 'outgoing_interfaces': '127.0.0.1',
    'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False,
    'enable_incoming_utp': False, 'enable_outgoing_utp': False,
    'out_enc_policy': 2, 'in_enc_policy': 2,
    'allow_multiple_connections_per_ip': True, 'connections_limit': 1000,
    'connection_speed': 1000, 'smooth_connects': False,
    # The tracker is on loopback, and its path does not begin with /announce.
    'ssrf_mitigation': False,
    # The limit of a rate is meant for what is on loopback too, and for the content alone.
    'ignore_limits_on_local_network': False, 'rate_limit_ip_overhead': False,
    'alert_mask': lt.alert.category_t.status_notification,
})
flags = lt.torrent_flags
undiscovered = flags.disable_dht | flags.disable_lsd | flags.disable_pex


def add(its_flags):
    params = lt.parse_magnet_uri(torrent) if torrent.startswith('magnet:') else lt.add_torrent_params()
    if not torrent.startswith('magnet:'):
        params.ti = lt.torrent_info(torrent)
    params.save_path = save_path
    params.storage_mode = lt.storage_mode_t.storage_mode_sparse
    params.flags = its_flags | undiscovered
    return session.add_torrent(params)


if role == 'seed':
    handle = add(flags.seed_mode)
    if rest:
        handle.set_upload_limit(int(rest[0]))
    while session.listen_port() == 0:
        time.sleep(0.01)
    print(f'listening on {session.listen_port()}.', flush=True)
    while True:
        time.sleep(1)
elif role == 'download':
    # Not automatically managed: that would hold it back until the session has looked at its queue.
    handle = add(flags.update_subscribe)
    for port in rest:
        handle.connect_peer(('127.0.0.1', int(port)))
    while not handle.status().is_seeding:
        session.wait_for_alert(50)
        session.pop_alerts()
else:
    sys.exit(f'download or seed, not {role}')
