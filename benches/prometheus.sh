#!/bin/sh
# The correlator's question asked of Prometheus: which firewalls, carriers and practices fail, as recording rules over
# `linewatch_check_up` of 6,200 practices × 12 checks; and linewatch's own evaluation beside it, in one run.
# Usage: benches/prometheus.sh [PRACTICES] [ROUNDS]
#
# Needs Debian's package: apt-get install prometheus (its service isn't used, and needn't run). It starts an
# exporter and a Prometheus on free loopback ports, with their files in a directory of their own, and ends those two.
set -eu
cd "$(dirname "$0")/.."
practices=${1:-6200}
rounds=${2:-6}
prometheus=${PROMETHEUS:-$(command -v prometheus || true)}
[ -n "$prometheus" ] || { echo "no prometheus: apt-get install prometheus" >&2; exit 2; }
# Built first: a compiler beside Prometheus would spoil its figures.
cargo bench --quiet --no-run --bench speed
work=$(mktemp -d)
exporter=
server=
finish() {
    [ -z "$server" ] || { kill "$server" 2> /dev/null || true; wait "$server" 2> /dev/null || true; }
    [ -z "$exporter" ] || { kill "$exporter" 2> /dev/null || true; wait "$exporter" 2> /dev/null || true; }
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

# The series as linewatch's /metrics has them, with the labels that recording rules need to group by. The firewall of
# the first ICB is down from the third scrape on.
cat > "$work/exporter.py" << 'PY'
import http.server, sys

practices, path = int(sys.argv[1]), sys.argv[2]
scrapes = 0

def page(down):
    lines = ["# TYPE linewatch_check_up gauge"]
    for n in range(practices):
        firewall, carrier = n // 150, n * n % 12
        for probe in range(12):
            internet = probe % 2 == 0
            up = 0 if down and internet and firewall == 0 or (n * 12 + probe) % 211 == 0 else 1
            lines.append(f'linewatch_check_up{{practice="P{n:06}",probe="probe-{probe}",'
                         f'network="{"internet" if internet else "hscn"}",'
                         f'firewall="fw-{firewall}",carrier="carrier-{carrier}"}} {up}')
    return ("\n".join(lines) + "\n").encode()

pages = [page(False), page(True)]

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global scrapes
        scrapes += 1
        body = pages[scrapes > 2]
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Page)
with open(path + ".new", "w") as file:
    print(server.server_port, file=file)
import os
os.rename(path + ".new", path)
server.serve_forever()
PY
python3 "$work/exporter.py" "$practices" "$work/port" &
exporter=$!
tries=0
until [ -s "$work/port" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || { echo "the exporter doesn't start" >&2; exit 1; }
    sleep 0.1
done
port=$(cat "$work/port")

cat > "$work/rules.yml" << 'YML'
groups:
  - name: shared
    interval: 15s
    rules:
      - record: firewall_network:linewatch_check_up:avg
        expr: avg by (firewall, network) (linewatch_check_up)
      - record: carrier_network:linewatch_check_up:avg
        expr: avg by (carrier, network) (linewatch_check_up)
      - record: carrier_network_probe:linewatch_check_up:avg
        expr: avg by (carrier, network, probe) (linewatch_check_up)
      - record: probe:linewatch_check_up:avg
        expr: avg by (probe) (linewatch_check_up)
  - name: practices
    interval: 15s
    rules:
      - record: practice_network:linewatch_check_up:avg
        expr: avg by (practice, network, firewall, carrier) (linewatch_check_up)
      - record: practice:linewatch_down
        expr: >-
          (practice_network:linewatch_check_up:avg < 0.5)
          and on (firewall, network) (firewall_network:linewatch_check_up:avg > 0.5)
YML
cat > "$work/prometheus.yml" << YML
global:
  scrape_interval: 15s
  evaluation_interval: 15s
rule_files: ["$work/rules.yml"]
scrape_configs:
  - job_name: linewatch
    static_configs: [{targets: ["127.0.0.1:$port"]}]
YML
# A port that is free now; Prometheus says so if it no longer is.
web=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$prometheus" --version 2>&1 | head -n 1
uptime
"$prometheus" --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" \
    --web.listen-address="127.0.0.1:$web" --log.level=warn > "$work/log" 2>&1 &
server=$!

python3 - "$web" "$rounds" "$server" << 'PY'
import re, statistics, sys, time, urllib.parse, urllib.request
web, rounds, pid = sys.argv[1], int(sys.argv[2]), sys.argv[3]

def get(path):
    return urllib.request.urlopen(f"http://127.0.0.1:{web}{path}", timeout=30).read().decode()

def last():
    """When each rule group was evaluated last, and how many seconds that took."""
    text = get("/metrics")
    took = dict(re.findall(r'prometheus_rule_group_last_duration_seconds\{rule_group="[^"]*;(\w+)"\} (\S+)', text))
    stamp = r'prometheus_rule_group_last_evaluation_timestamp_seconds\{rule_group="[^"]*;(\w+)"\} (\S+)'
    when = dict(re.findall(stamp, text))
    return {name: (float(when.get(name, 0)), float(took[name])) for name in took}

begun = time.monotonic()
seen = {}
while time.monotonic() - begun < 60 + 20 * (rounds + 2):
    try:
        groups = last()
    except OSError:
        groups = {}
    for name, (turn, took) in groups.items():
        if turn > 0:
            seen.setdefault(name, {})[turn] = took
    # The first two rounds have no series yet, or cold caches.
    if seen and all(len(turns) >= rounds + 2 for turns in seen.values()):
        break
    time.sleep(1)
series = get("/api/v1/query?query=" + urllib.parse.quote("count(linewatch_check_up)"))
print("series:", re.findall(r'"(\d+)"\]', series))
total = 0.0
for name, turns in sorted(seen.items()):
    took = list(turns.values())[2:]
    total += statistics.median(took)
    print(f"prometheus_rule_group_last_duration_seconds of {name}: "
          + " ".join(f"{t:.3f}" for t in took) + f"; median {statistics.median(took):.3f} s")
memory = next(int(l.split()[1]) for l in open(f"/proc/{pid}/status") if l.startswith("VmRSS"))
print(f"both groups: {total:.3f} s an evaluation; resident {memory / 1024:.0f} MiB")
PY

echo "linewatch, $practices practices with 12 checks each (Prometheus still runs beside it):"
cargo bench --quiet --bench speed -- "$practices" 2>&1
uptime
