"""
Makes torrents with libtorrent. Each line of stdin is a JSON list: content, piece length, version, the .torrent, and
the URLs of its web seeds.
"""
import json
import os
import sys

import libtorrent as lt

FLAGS = {"1": lt.create_torrent.v1_only, "2": lt.create_torrent.v2_only, "hybrid": 0}

for line in sys.stdin:
    content, piece_length, version, out, *web_seeds = json.loads(line)
    files = lt.file_storage()
    lt.add_files(files, content)
    torrent = lt.create_torrent(files, piece_length, FLAGS[version])
    lt.set_piece_hashes(torrent, os.path.dirname(content))
    for url in web_seeds:
        torrent.add_url_seed(url)
    with open(out, "wb") as file:
        file.write(lt.bencode(torrent.generate()))
