#!/bin/sh
# 6,200 practices with 12 checks each at a 60 s interval, in one `linewatch run`, against servers on loopback.
# Usage: benches/run-6200.sh [SECONDS] [PRACTICES] [EVERY] [BUSY]; prints memory, CPU, lateness and skipped checks.
# EVERY: the interval in seconds. BUSY: so many processes that only use up a core each, beside it. So
#
#     benches/run-6200.sh 300 6250 600        # 75,000 checks scheduled: memory
#     benches/run-6200.sh 150 6250 30 2       # 2,500 checks a second on two cores that are busy: lateness
#
# It ends each process that it started.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-180}
practices=${2:-6200}
every=${3:-60}
busy=${4:-0}
bin=${LINEWATCH:-target/release/linewatch}
[ -x "$bin" ] || cargo build --release
work=$(mktemp -d)
targets=
watcher=
spinners=
finish() {
    for spinner in $spinners; do kill "$spinner" 2> /dev/null || true; done
    [ -z "$watcher" ] || kill "$watcher" 2> /dev/null || true
    [ -z "$targets" ] || kill "$targets" 2> /dev/null || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

# Servers on ports that are free. They end by themselves some time after the run.
rustc -O --edition 2024 -o "$work/targets" benches/probes/targets.rs
"$work/targets" "$((seconds + 120))" > "$work/ports" &
targets=$!
tries=0
until [ -s "$work/ports" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { echo "the targets don't start" >&2; exit 1; }
    sleep 0.1
done
read -r tcp web udp dns < "$work/ports"

python3 - "$work" "$practices" "$every" "$tcp" "$web" "$udp" "$dns" << 'PY'
import sys
work, count, every, tcp, web, udp, dns = sys.argv[1], int(sys.argv[2]), *sys.argv[3:]
kinds = [("tcp", f'target = "127.0.0.1:{tcp}"')] * 4 + [("http", f'url = "http://127.0.0.1:{web}/"')] * 3 \
    + [("udp", f'target = "127.0.0.1:{udp}"\nsend = "linewatch"')] * 2 \
    + [("dns", f'server = "127.0.0.1:{dns}"\nname = "a.example"\nrecord = "A"')] * 3
with open(f"{work}/probes.toml", "w") as file:
    print(f'''practices = "practices.csv"
[icb]
code = "QXX"
name = "England on loopback"
timezone = "Europe/London"
[hub]
listen = "127.0.0.1:0"
data = "data"
[schedule]
concurrency = 512
[[network]]
id = "internet"
name = "the internet"
through = ["carrier", "firewall"]
[[network]]
id = "hscn"
name = "the NHS network"
through = ["carrier"]''', file=file)
    for role in ("carrier", "firewall"):
        for n in range(12):
            print(f'[[component]]\nid = "{role}-{n}"\nkind = "{role}"\nname = "{role} {n}"', file=file)
    for n, (kind, target) in enumerate(kinds):
        network = "internet" if n % 2 else "hscn"
        print(f'[[probe]]\nid = "{kind}-{n}"\nkind = "{kind}"\nnetwork = "{network}"\n{target}\n'
              f'every = "{every}s"\ntimeout = "5s"', file=file)
with open(f"{work}/practices.csv", "w") as file:
    print("ods,name,source,carrier,firewall", file=file)
    for n in range(count):
        print(f"P{n:05},Practice {n},127.{1 + n // 62500}.{n // 250 % 250}.{2 + n % 250},"
              f"carrier-{n % 12},firewall-{n // 7 % 12}", file=file)
PY

while [ "$busy" -gt 0 ]; do
    sh -c 'while :; do :; done' &
    spinners="$spinners $!"
    busy=$((busy - 1))
done
uptime
"$bin" run --config "$work/probes.toml" > "$work/out" 2> "$work/err" &
watcher=$!
page=
tries=0
while [ -z "$page" ]; do
    page=$(sed -n 's|.*page and API: \(http://[^ ]*\)/ .*|\1|p' "$work/out")
    tries=$((tries + 1))
    [ "$tries" -lt 200 ] || { cat "$work/err" >&2; exit 1; }
    sleep 0.1
done
LINEWATCH_PAGE=$page python3 - "$watcher" "$seconds" << 'PY'
import os, sys, time, urllib.request
pid, seconds = int(sys.argv[1]), int(sys.argv[2])
ticks = os.sysconf("SC_CLK_TCK")
def cpu():
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / ticks
def memory(name):
    return next(int(line.split()[1]) for line in open(f"/proc/{pid}/status") if line.startswith(name))
def metrics():
    began = time.monotonic()
    text = urllib.request.urlopen(os.environ["LINEWATCH_PAGE"] + "/metrics", timeout=30).read().decode()
    return text, time.monotonic() - began
warm = 60 if seconds > 90 else 0
time.sleep(warm)
def delays(text):
    """Of each bound of the histogram: how many checks were begun no later."""
    lines = (l for l in text.splitlines() if l.startswith("linewatch_schedule_delay_seconds_bucket"))
    return {float(l.split('le="')[1].split('"')[0]): int(float(l.split()[-1])) for l in lines}
before = delays(metrics()[0])
first_cpu, first = cpu(), time.monotonic()
late = []
slowest = 0.0
while time.monotonic() - first < seconds - warm:
    time.sleep(10)
    text, took = metrics()
    slowest = max(slowest, took)
    late += [float(l.split()[-1]) for l in text.splitlines() if l.startswith("linewatch_schedule_late_seconds ")
             or l.startswith("linewatch_schedule_late_seconds{")]
wall = time.monotonic() - first
print(f"CPU {100 * (cpu() - first_cpu) / wall:.0f} % of one core over {wall:.0f} s after {warm} s of warm-up")
print(f"resident {memory('VmRSS') / 1024:.0f} MiB, at most {memory('VmHWM') / 1024:.0f} MiB")
print(f"/metrics: {len(text) / 1e6:.1f} MB, {slowest:.2f} s at the slowest")
print(f"linewatch_schedule_late_seconds in {len(late)} readings: worst {max(late, default=float('nan')):.3f}")
counts = {bound: count - before.get(bound, 0) for bound, count in sorted(delays(text).items())}
begun = max(counts.values(), default=0)
print(f"{begun} checks begun in that time, {begun / wall:.0f} a second")
for share in (0.5, 0.9, 0.99, 0.999):
    bound = next((bound for bound, count in counts.items() if count >= share * begun), float("nan"))
    print(f"  {100 * share:g} % of them at most {1000 * bound:g} ms late")
for line in text.splitlines():
    if line.startswith(("linewatch_schedule_late", "linewatch_checks", "linewatch_check_skipped", "linewatch_queue",
                        "linewatch_observations")) and "practice=" not in line:
        print(line)
up = [l for l in text.splitlines() if l.startswith("linewatch_check_up{")]
print(f"checks up: {sum(l.endswith(' 1') for l in up)} of {len(up)}")
PY
grep -c . "$work/err" | sed 's/^/lines in the log: /'
