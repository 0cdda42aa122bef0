#!/bin/bash
# What a check costs, beside Debian's probers: installs them, then asks the same servers with each. First our own servers, each as
# cheap as it can be; then Debian's nginx and dnsmasq, started here for as long as it takes, on loopback and ports of their own.
#
#     benches/probes.sh [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-3}

missing=()
for pair in prometheus-blackbox-exporter:prometheus-blackbox-exporter fping:fping nginx:nginx-light dnsmasq:dnsmasq-base \
    openssl:openssl; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
[ "${#missing[@]}" = 0 ] || apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null

# Echoes by everybody's own sockets: a raw one hears every echo of the machine.
sysctl -q -w net.ipv4.ping_group_range="0 2147483647"

uptime
prometheus-blackbox-exporter --version 2>&1 | head -n 1
cargo bench -q --bench probes -- "$seconds"

# fping is one process and one socket. 2,000 echoes to one address, one a millisecond; then one each to 16,382 addresses of
# loopback without a pause.
echo "fping, one a millisecond: $({ time -p fping -q -c 2000 -p 1 -i 1 127.0.0.1; } 2>&1 | tr '\n' ' ')"
said=$({ time -p fping -q -c 1 -i 0 -g 127.9.0.1 127.9.63.254; } 2>&1)
echo "fping, without a pause: $(grep -c '1/1/0%' <<<"$said") echoes, $(tail -n 3 <<<"$said" | tr '\n' ' ')"

work=$(mktemp -d)
running=()
trap 'kill "${running[@]}" 2>/dev/null; wait; rm -rf "$work"' EXIT
# Debian's own configuration would make an authority of it.
printf '[req]\ndistinguished_name = name\n[name]\n' >"$work/req"
openssl req -config "$work/req" -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=bench \
    -keyout "$work/key.pem" -out "$work/pem" -addext 'subjectAltName=IP:127.0.0.1,DNS:*.anew.example' 2>/dev/null
{
    echo "daemon off; pid $work/pid; error_log $work/error.log; worker_processes 1; events { worker_connections 4096; }"
    echo "http { access_log off; keepalive_timeout 0; client_body_temp_path $work; proxy_temp_path $work;"
    echo "fastcgi_temp_path $work; uwsgi_temp_path $work; scgi_temp_path $work; default_type text/plain;"
    echo 'server {'
    for nth in $(seq 1 16); do echo "listen 127.0.0.$nth:18080; listen 127.0.0.$nth:18443 ssl;"; done
    echo "ssl_certificate $work/pem; ssl_certificate_key $work/key.pem;"
    echo 'location / { return 200 "all is well\n"; } } }'
} >"$work/nginx.conf"
nginx -e "$work/error.log" -c "$work/nginx.conf" &
running+=("$!")
dnsmasq --keep-in-foreground --conf-file=/dev/null --port=18053 --listen-address=127.0.0.1 --bind-interfaces --no-resolv \
    --no-hosts --pid-file= --address=/anchor.example/192.0.2.1 &
running+=("$!")
for port in 18080 18443; do
    until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do kill -0 "${running[0]}"; done
done
echo "Debian's nginx ($(nginx -v 2>&1 | sed 's/.*nginx.//')) and dnsmasq"
LINEWATCH_BENCH_OTHERS="18053 18080 18443 $work/pem" cargo bench -q --bench probes -- "$seconds"
uptime
