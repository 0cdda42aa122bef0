#!/bin/sh
# 6,200 practices with 12 checks each at a 60 s interval, in one `linewatch run`, against servers on loopback.
# Usage: benches/run-6200.sh [SECONDS] [PRACTICES]; prints memory, CPU, lateness and skipped checks.
# It starts two processes, and ends those two.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-180}
practices=${2:-6200}
bin=${LINEWATCH:-target/release/linewatch}
[ -x "$bin" ] || cargo build --release
work=$(mktemp -d)
targets=
watcher=
finish() {
    [ -z "$watcher" ] || kill "$watcher" 2> /dev/null || true
    [ -z "$targets" ] || kill "$targets" 2> /dev/null || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

# Three servers on ports that are free: TCP and HTTP, UDP, DNS. They end by themselves some time after the run.
cat > "$work/targets.py" << 'PY'
import asyncio, signal, sys

async def main(path, seconds):
    async def http(reader, writer):
        try:
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            await writer.drain()
        except Exception:
            pass
        finally:
            writer.close()

    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, transport): self.transport = transport
        def datagram_received(self, data, address): self.transport.sendto(data, address)

    class Names(Echo):
        def datagram_received(self, data, address):
            end = data.index(0, 12) + 5
            head = data[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00"
            answer = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x01"
            self.transport.sendto(head + data[12:end] + answer, address)

    loop = asyncio.get_running_loop()
    web = await asyncio.start_server(http, "127.0.0.1", 0, backlog=1024)
    udp, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    dns, _ = await loop.create_datagram_endpoint(Names, local_addr=("127.0.0.1", 0))
    ports = [web.sockets[0].getsockname()[1], udp.get_extra_info("sockname")[1], dns.get_extra_info("sockname")[1]]
    with open(path, "w") as file:
        print(*ports, file=file)
    await asyncio.sleep(seconds)

asyncio.run(main(sys.argv[1], float(sys.argv[2])))
PY
python3 "$work/targets.py" "$work/ports" "$((seconds + 120))" &
targets=$!
tries=0
until [ -s "$work/ports" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { echo "the targets don't start" >&2; exit 1; }
    sleep 0.1
done
read -r web udp dns < "$work/ports"

python3 - "$work" "$practices" "$web" "$udp" "$dns" << 'PY'
import sys
work, count, web, udp, dns = sys.argv[1], int(sys.argv[2]), *sys.argv[3:]
kinds = [("tcp", f'target = "127.0.0.1:{web}"')] * 4 + [("http", f'url = "http://127.0.0.1:{web}/"')] * 3 \
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
              'every = "60s"\ntimeout = "5s"', file=file)
with open(f"{work}/practices.csv", "w") as file:
    print("ods,name,source,carrier,firewall", file=file)
    for n in range(count):
        print(f"P{n:05},Practice {n},127.{1 + n // 62500}.{n // 250 % 250}.{2 + n % 250},"
              f"carrier-{n % 12},firewall-{n // 7 % 12}", file=file)
PY

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
for line in text.splitlines():
    if line.startswith(("linewatch_schedule", "linewatch_checks", "linewatch_check_skipped", "linewatch_queue",
                        "linewatch_observations")) and "practice=" not in line:
        print(line)
up = [l for l in text.splitlines() if l.startswith("linewatch_check_up{")]
print(f"checks up: {sum(l.endswith(' 1') for l in up)} of {len(up)}")
PY
grep -c . "$work/err" | sed 's/^/lines in the log: /'
