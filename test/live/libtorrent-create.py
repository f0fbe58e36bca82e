"""Makes torrents with libtorrent. Each line of stdin is a JSON list: content, piece length, version, the .torrent."""
import json
import os
import sys

import libtorrent as lt

FLAGS = {"2": lt.create_torrent.v2_only, "hybrid": 0}

for line in sys.stdin:
    content, piece_length, version, out = json.loads(line)
    files = lt.file_storage()
    lt.add_files(files, content)
    torrent = lt.create_torrent(files, piece_length, FLAGS[version])
    lt.set_piece_hashes(torrent, os.path.dirname(content))
    with open(out, "wb") as file:
        file.write(lt.bencode(torrent.generate()))
