#!/bin/sh
# Runs the live tests (all of them, or the built files that are named) inside a network namespace of their own: other
# clients open whatever ports they like there, and no packet can leave the machine. 10.9.0.1 to 10.9.0.40, and 10.9.1.1
# to 10.9.1.20 for the nodes of a DHT, stand in for addresses of a real network, because some clients ignore peers on
# 127.0.0.1. 203.0.113.0/24 leads here too, though no interface has it: to a client these are addresses of the world.
# BTGET_UNSHARE=-n lets root keep the users of the machine.
set -eu
unshare=${BTGET_UNSHARE:--rn}
if ! unshare "$unshare" true 2>/dev/null; then
  echo "live tests skipped: no network namespace can be made here (unshare $unshare)"
  exit 0
fi
if ! command -v ip >/dev/null; then
  echo "live tests skipped: ip is not installed (Debian package iproute2)"
  exit 0
fi
[ $# -gt 0 ] || set -- dist/test/live/*.test.js
unshare "$unshare" sh -c '
  ip link set lo up
  for host in $(seq 40); do ip addr add 10.9.0.$host/24 dev lo; done
  for host in $(seq 20); do ip addr add 10.9.1.$host/24 dev lo; done
  ip route add local 203.0.113.0/24 dev lo
  exec node --test --test-reporter=spec --test-concurrency=1 $BTGET_LIVE_ARGS "$@"
' sh "$@"
