#!/bin/sh
# A million lines through `linewatch replay`, healthy and with a firewall down in the middle, from a file and from
# standard input, against a loop that only parses the lines. Needs GNU time (apt-get install time).
set -eu
cd "$(dirname "$0")/.."
cargo build --release --quiet
parse=$(cargo bench --bench parse --no-run 2>&1 | sed -n 's/.*(\(target[^)]*\)).*/\1/p' | tail -1)
bin=target/release/linewatch
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sed 's/^every = .*/every = "5s"/; s/^timeout = .*/timeout = "2s"/' probes.toml > "$work/probes.toml"
# 40 practices and the hub with 12 checks each, every 5 s: 98 lines a second and some heartbeats.
for name in quiet-year firewall-total; do
    "$bin" simulate "$name" --config "$work/probes.toml" --length 170m --record "$work/all" > /dev/null 2>&1 || true
    head -n 1000000 "$work/all" > "$work/$name.jsonl"
    rm "$work/all"
done

measure() {
    /usr/bin/time -f '%e s, %U s user, %M KiB at most' -o "$work/time" "$@" > "$work/out" 2> "$work/err"
    cat "$work/time"
}
uptime
for name in quiet-year firewall-total; do
    file=$work/$name.jsonl
    echo "== $name: $(wc -l < "$file") lines, $(stat -c %s "$file") bytes"
    "$parse" "$file"
    printf 'replay FILE: '; measure "$bin" replay --json --config "$work/probes.toml" "$file"
    tail -1 "$work/err"
    echo "events: $(wc -l < "$work/out")"
    printf 'replay -:    '
    /usr/bin/time -f '%e s, %U s user, %M KiB at most' -o "$work/time" \
        "$bin" replay --json --config "$work/probes.toml" - < "$file" > "$work/out2" 2> /dev/null
    cat "$work/time"
    cmp "$work/out" "$work/out2" && echo "the same events from both"
    head -n 100000 "$file" > "$work/tenth"
    printf 'a tenth:     '; measure "$bin" replay --json --config "$work/probes.toml" "$work/tenth"
done
