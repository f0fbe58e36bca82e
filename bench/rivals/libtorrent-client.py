"""libtorrent without discovery.

libtorrent-client.py ENCRYPTION download TORRENT|MAGNET DIR [PEER_PORT ...]   ends when the content is whole
libtorrent-client.py ENCRYPTION seed TORRENT DIR [BYTES_A_SECOND]   serves the content without a check until it is ended

ENCRYPTION is what it speaks, and it takes nothing else: none, handshake (plain after an encrypted handshake), or rc4.

Unlike its defaults it dials all peers at once and has room for many, so that the rival is at its best.
"""
import sys
import time
import libtorrent as lt

encryption, role, torrent, save_path, *rest = sys.argv[1:]
FORCED, DISABLED = 0, 2
policy = DISABLED if encryption == 'none' else FORCED
level = {'none': 3, 'handshake': 1, 'rc4': 2}[encryption]
session = lt.session({
    'listen_interfaces': '127.0.0.1:0', 'outgoing_interfaces': '127.0.0.1',
    'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False,
    'enable_incoming_utp': False, 'enable_outgoing_utp': False,
    'out_enc_policy': policy, 'in_enc_policy': policy, 'allowed_enc_level': level, 'prefer_rc4': encryption == 'rc4',
    'allow_multiple_connections_per_ip': True, 'connections_limit': 1000,
    'connection_speed': 1000, 'smooth_connects': False,
    # The tracker is on loopback, and its path does not begin with /announce.
    'ssrf_mitigation': False,
    # The limit of a rate must hold on loopback too, and must count the content alone.
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
    # Without auto_managed: it would delay the start until the session looks at its queue.
    handle = add(flags.update_subscribe)
    for port in rest:
        handle.connect_peer(('127.0.0.1', int(port)))
    while not handle.status().is_seeding:
        session.wait_for_alert(50)
        session.pop_alerts()
else:
    sys.exit(f'download or seed, not {role}')
