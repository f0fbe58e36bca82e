"""Makes a torrent with libtorrent: CONTENT PIECE-LENGTH 1|2|hybrid TORRENT."""
import os
import sys

import libtorrent as lt

FLAGS = {"1": lt.create_torrent.v1_only, "2": lt.create_torrent.v2_only, "hybrid": 0}

content, piece_length, version, out = sys.argv[1:]
files = lt.file_storage()
lt.add_files(files, content)
torrent = lt.create_torrent(files, int(piece_length), FLAGS[version])
lt.set_piece_hashes(torrent, os.path.dirname(content))
with open(out, "wb") as file:
    file.write(lt.bencode(torrent.generate()))
