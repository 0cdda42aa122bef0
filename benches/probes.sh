#!/bin/bash
# What a check costs, beside Debian's probers: installs them, then asks the same servers with each.
#
#     benches/probes.sh [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/.."

command -v prometheus-blackbox-exporter >/dev/null || command -v fping >/dev/null ||
    apt-get install -qq -y prometheus-blackbox-exporter fping >/dev/null

# Echoes by everybody's own sockets: a raw one hears every echo of the machine.
sysctl -q -w net.ipv4.ping_group_range="0 2147483647"

uptime
prometheus-blackbox-exporter --version 2>&1 | head -n 1
cargo bench -q --bench probes -- "${1:-3}"

# fping is one process that sends echoes as fast as it may: 2,000 of them, one a millisecond, and without a pause.
for gap in 1 0; do
    echo "fping, a gap of $gap ms: $(
        { time -p fping -q -c 2000 -p "$gap" -i "$gap" 127.0.0.1; } 2>&1 | tr '\n' ' '
    )"
done
uptime
