#!/bin/bash
# What a check costs, beside Debian's probers: installs them, then asks the same servers with each.
#
#     benches/probes.sh [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/.."

{ command -v prometheus-blackbox-exporter && command -v fping; } >/dev/null ||
    apt-get install -qq -y prometheus-blackbox-exporter fping >/dev/null

# Echoes by everybody's own sockets: a raw one hears every echo of the machine.
sysctl -q -w net.ipv4.ping_group_range="0 2147483647"

uptime
prometheus-blackbox-exporter --version 2>&1 | head -n 1
cargo bench -q --bench probes -- "${1:-3}"

# fping is one process and one socket. 2,000 echoes to one address, one a millisecond; then one each to 16,382 addresses of
# loopback without a pause.
echo "fping, one a millisecond: $({ time -p fping -q -c 2000 -p 1 -i 1 127.0.0.1; } 2>&1 | tr '\n' ' ')"
said=$({ time -p fping -q -c 1 -i 0 -g 127.9.0.1 127.9.63.254; } 2>&1)
echo "fping, without a pause: $(grep -c '1/1/0%' <<<"$said") echoes, $(tail -n 3 <<<"$said" | tr '\n' ' ')"
uptime
