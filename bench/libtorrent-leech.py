"""libtorrent as a one-shot download: libtorrent-leech.py TORRENT DIR PEER_HOST:PORT. Discovery and encryption are off."""
import sys
import time
import libtorrent as lt

torrent, save_path, peer = sys.argv[1:4]
session = lt.session({
    'listen_interfaces': '127.0.0.1:0', 'outgoing_interfaces': '127.0.0.1',
    'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False,
    'enable_incoming_utp': False, 'enable_outgoing_utp': False,
    'out_enc_policy': 2, 'in_enc_policy': 2, 'alert_mask': 0,
})
handle = session.add_torrent({'ti': lt.torrent_info(torrent), 'save_path': save_path})
host, port = peer.rsplit(':', 1)
handle.connect_peer((host, int(port)))
while not handle.status().is_seeding:
    time.sleep(0.01)
