//! Writes the seeds of the corpora: real answers of each protocol, written by hand, and the edges of each reader. Needs
//! nothing but the standard library, and writes the same bytes each time:
//!
//!     rustc --edition 2024 -o target/seeds fuzz/seeds.rs && target/seeds fuzz/corpus
//!
//! Certificates aren't here: README.md says how theirs were made. What a fuzzer has found besides has a hash for a name.

use std::path::Path;

/// A name as DNS writes it.
fn name(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).expect("a short label"));
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    bytes
}

/// An answer with the id 0 to the question that the target asks. `records`: type, seconds to live, data.
fn dns(flags: u16, records: &[(u16, u32, Vec<u8>)], opt: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0];
    bytes.extend(flags.to_be_bytes());
    bytes.extend([0, 1, 0, u8::try_from(records.len()).expect("few"), 0, 0, 0, u8::from(!opt.is_empty())]);
    bytes.extend(name("accurx.example"));
    bytes.extend([0, 1, 0, 1]);
    for (kind, ttl, data) in records {
        bytes.extend([0xc0, 12]);
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 1]);
        bytes.extend(ttl.to_be_bytes());
        bytes.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
        bytes.extend(data);
    }
    bytes.extend(opt);
    bytes
}

/// The longest answer that fits behind 16 bits of length: aliases of aliases, the last of them first, under a name of a hundred labels
/// that is written once.
fn aliases() -> Vec<u8> {
    const COUNT: u16 = 2_500;
    let mut bytes = vec![0, 0, 0x81, 0x80, 0, 1];
    bytes.extend(COUNT.to_be_bytes());
    bytes.extend([0, 0, 0, 0]);
    bytes.extend(name("accurx.example"));
    bytes.extend([0, 1, 0, 1]);
    let label = |nth: u16| [&[5][..], format!("a{nth:04}").as_bytes()].concat();
    let under = u16::try_from(bytes.len() + 6).expect("near the beginning");
    let pointer = |to: u16| (0xc000 | to).to_be_bytes();
    for nth in (0..COUNT).rev() {
        match nth {
            0 => bytes.extend(pointer(12)),
            nth if nth == COUNT - 1 => bytes.extend([label(nth), name(&"a.".repeat(100))].concat()),
            nth => bytes.extend([label(nth), pointer(under).to_vec()].concat()),
        }
        bytes.extend([0, 5, 0, 1, 0, 0, 0, 60, 0, 8]);
        bytes.extend([label(nth + 1), pointer(under).to_vec()].concat());
    }
    bytes
}

/// A mail server's report of a mail of ours.
fn bounce(sample: &str) -> Vec<u8> {
    let id = "2026-03-16-1.o1773645132000.0123456789abcdef.00112233445566778899aabbccddeeff@icb.example";
    sample.replace("@ID@", id).replace("@TO@", "manager@g82002.example").into_bytes()
}

fn with(first: u8, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut all = vec![first];
    all.extend(bytes.as_ref());
    all
}

/// Packed without being made smaller: RFC 1952 around one stored block.
fn gzip(text: &[u8]) -> Vec<u8> {
    let crc = !text.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    });
    let length = u16::try_from(text.len()).expect("short");
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1];
    bytes.extend(length.to_le_bytes());
    bytes.extend((!length).to_le_bytes());
    bytes.extend(text);
    bytes.extend(crc.to_le_bytes());
    bytes.extend(u32::from(length).to_le_bytes());
    bytes
}

/// A frame of the reflector without length and tag, which the target adds.
fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = b"LWrf\x01".to_vec();
    bytes.extend([kind, 0, 0]);
    bytes.extend([7; 16]);
    bytes.extend(1_773_644_400_u64.to_be_bytes());
    bytes.extend(body);
    bytes
}

/// An unsigned refusal: a head without a clock, its own length in it.
fn refusal(kind: u8, nonce: [u8; 16]) -> Vec<u8> {
    [&b"LWrf\x01"[..], &[kind], &32_u16.to_be_bytes(), &nonce, &[0; 8]].concat()
}

/// A frame of a segment: mark, kind, length, CRC-32C, payload.
fn segment(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_le_bytes();
    let mut crc = u32::MAX;
    for byte in [&[kind][..], &length, payload].concat() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & 0_u32.wrapping_sub(crc & 1));
        }
    }
    [&[0xd7, b'L', b'W', kind][..], &length, &(!crc).to_le_bytes(), payload].concat()
}

/// A packet of a telephone-like train without tag, which the target adds.
fn rtp(kind: u8, place: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80, if place == 0 { 0x88 } else { 8 }];
    bytes.extend(place.to_be_bytes());
    bytes.extend([0; 8]);
    bytes.extend(b"LWrt\x01");
    bytes.push(kind);
    bytes.extend(place.to_be_bytes());
    bytes.extend([7; 16]);
    bytes.extend(1_773_644_400_u64.to_be_bytes());
    bytes.extend(body);
    padded(bytes, 140)
}

/// What a reflector says that it saw, as the target of trains reads it: when, what came late and twice, and which places.
fn seen(at_us: u64, late: u8, twice: u8, first: u8, bits: u16) -> Vec<u8> {
    let mut bytes = at_us.to_be_bytes().to_vec();
    bytes.extend([late, twice, first]);
    bytes.extend(bits.to_be_bytes());
    bytes
}

/// A row of the NHS's list of organisations.
fn ods(code: &str, icb: &str, status: &str, setting: &str) -> String {
    let mut cells = [""; 27];
    (cells[0], cells[1], cells[9], cells[12], cells[25]) =
        (code, "ST JAMES' \"OLD\" SURGERY", "CT16 1AA", status, setting);
    (cells[2], cells[3], cells[14]) = ("Y58", icb, "91Q");
    cells.map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).join(",") + "\n"
}

fn padded(mut bytes: Vec<u8>, length: usize) -> Vec<u8> {
    bytes.resize(length, 0);
    bytes
}

/// A frame of HTTP/2.
fn h2(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags, 0, 0, 0, stream]);
    bytes.extend(payload);
    bytes
}

fn icmp(kind: u8, id: u16, sequence: u16) -> Vec<u8> {
    let mut bytes = vec![kind, 0, 0, 0];
    bytes.extend(id.to_be_bytes());
    bytes.extend(sequence.to_be_bytes());
    bytes.extend([0x6c; 56]);
    bytes
}

/// As a raw socket hears it.
fn in_ipv4(from: [u8; 4], to: [u8; 4], icmp: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + icmp.len()).expect("short").to_be_bytes();
    let mut bytes = vec![0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, 1, 0, 0];
    bytes.extend(from);
    bytes.extend(to);
    bytes.extend(icmp);
    bytes
}

fn ntp(first: u8, stratum: u8) -> Vec<u8> {
    let mut bytes = vec![first, stratum, 6, 0xe8, 0, 0, 1, 0, 0, 0, 1, 0];
    bytes.extend(b"GPS\0");
    bytes.extend([0; 8]);
    bytes.extend(0x0123_4567_89ab_cdef_u64.to_be_bytes());
    let seconds = (1_773_644_400_u64 + 2_208_988_800) << 32;
    bytes.extend(seconds.to_be_bytes());
    bytes.extend((seconds + (1 << 28)).to_be_bytes());
    bytes
}

fn sip(first: &str, more: &str) -> String {
    format!("{first}\r\nCall-ID: 0123456789abcdef@linewatch\r\n{more}\r\n")
}

fn seeds() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let address = |last: u8| (1_u16, 300_u32, vec![192, 0, 2, last]);
    let opt = |options: &[u8]| {
        let mut bytes = vec![0, 0, 41, 4, 208, 0, 0, 0, 0];
        bytes.extend(u16::try_from(options.len()).expect("short").to_be_bytes());
        bytes.extend(options);
        bytes
    };
    let ok = 0x8180;
    let loops = {
        let mut bytes = dns(ok, &[address(1)], &[]);
        let pointer = 12 + name("accurx.example").len() + 4;
        bytes[pointer + 1] = u8::try_from(pointer).expect("short");
        bytes
    };
    let h2_settings = h2(4, 0, 0, &[]);
    let h2_status =
        |index: u8| [h2_settings.clone(), h2(4, 1, 0, &[]), h2(1, 4, 1, &[0x80 | index])].concat();
    let long_block = h2(1, 0, 1, &[0x88]);
    let continuation = h2(9, 0, 1, &[0x40, 1, b'a', 1, b'b']);
    let ports = [&[3_u8][..], &[1, 1, 187, 2, 0, 53, 2, 13, 150]].concat();
    let question = padded(frame(1, &ports), 225);
    let saw = |kind| {
        let mut body = vec![0; 10];
        body.extend([0xff, 0xff, 192, 0, 2, 7, 0x9c, 0x40, 1, 1, 0, 0, 0, 0, 0, 0, 0, 5]);
        frame(kind, &body)
    };
    let echo = |after: u8, place: u16, seen: Vec<u8>| [&[1, after][..], &place.to_be_bytes(), &seen].concat();
    let tally = |after: u8, seen: Vec<u8>| [&[2, after][..], &seen].concat();
    let call = |fates: &[u8]| {
        let mut bytes = Vec::new();
        for place in 0..10_u8 {
            bytes.extend([0, 20]);
            if fates.contains(&place) {
                bytes.extend(echo(
                    9,
                    place.into(),
                    seen(30_000 * u64::from(place), 0, 0, 0, (1 << (place + 1)) - 1),
                ));
            }
        }
        bytes
    };
    let icmp_says = |how: u8, origin: u8, kind: u8, code: u8, who: u8| {
        vec![how, origin, kind, code, who, 8, 0, 0, 0, 0x12, 0x34, 0, 1]
    };
    let steps = |messages: &[Vec<u8>]| -> Vec<u8> { messages.concat() };
    let router = |n: u8| icmp_says(8, 2, 11, 0, n);
    let token = "0f".repeat(32);
    let line = |ods: &str, second: u32, rest: &str| {
        format!(
            "{{\"at\":\"2026-03-16T07:{:02}:{:02}.000Z\",\"practice\":\"{ods}\",\"probe\":\"accurx-https\",{rest}}}\n",
            second / 60,
            second % 60
        )
    };
    let fails = "\"ok\":false,\"failure\":\"timeout\",\"phase\":\"connect\",\"ms\":5000.0";
    let outage: String = (0..60)
        .map(|n| {
            let rest = if n < 30 { "\"ok\":true,\"ms\":20.0" } else { fails };
            line(&format!("G8200{}", n % 6 + 1), 5 * n, rest)
        })
        .collect();
    let numbered = line("G82002", 0, "\"ok\":true,\"ms\":21.5,\"seq\":7") + &line("G82002", 30, &format!("{fails},\"seq\":8"));
    let thinned = "{\"seq\":9,\"thinned\":{\"practice\":\"G82002\",\"probe\":\"web\",\"from\":\"2026-03-16T07:12:03.120Z\",\
                   \"to\":\"2026-03-16T08:12:03.120Z\",\"count\":9,\"what\":\"successes\"}}\n";
    let answers = |code: u8| vec![0x30, 0x0c, 2, 1, 1, 0x61, 7, 0x0a, 1, code, 4, 0, 4, 0];
    let redirects = "log-in#top\n//id.example/\nhttp://10.1.2.3/\n";
    let county = "[icb]\ncode = \"QKS\"\nname = \"Kent\"\ntimezone = \"Europe/London\"\n[[network]]\nid = \"internet\"\nname = \"the internet\"\nthrough = []\n";
    let probe = |text: &str| {
        format!("{county}[[probe]]\nid = \"p\"\nnetwork = \"internet\"\nevery = \"30s\"\ntimeout = \"5s\"\n{text}\n[[practice]]\nods = \"G82002\"\nname = \"St James'\"\n").into_bytes()
    };
    // The head of a segment, a success of `a` asking `b`, and a note that one was let go of.
    let segment_head = segment(1, &[&[1][..], &[7; 16], &[1, 100, 0]].concat());
    let segment_record = vec![0, 10, 0x41, 2, 0, 1, b'a', 0, 1, b'b', 20];
    let segment_note = vec![1, 11, 0, 1, b'a', 0, 1, b'b', 2, 2, 1, 0];
    // One record, of practice `a` alone, not compressed.
    let segment_sheet = [&[1, 1, b'a', 1, b'a', 0, 11][..], &segment_record].concat();
    let segment_block = [&[0, 1, 10, 0, 2, 0, 11][..], &segment_record].concat();
    vec![
        ("dns", "address", with(0, dns(ok, &[address(1)], &[]))),
        ("dns", "all-of-it", with(0x75, dns(0x85a0, &[address(1), address(2)], &[]))),
        ("dns", "alias", with(0, dns(ok, &[(5, 60, name("web.accurx.example")), address(1)], &[]))),
        ("dns", "none", with(0, dns(ok, &[], &[]))),
        ("dns", "nxdomain", with(8, dns(0x8183, &[], &[]))),
        ("dns", "servfail-why", with(0x80, dns(0x8182, &[], &opt(b"\0\x0f\0\x0b\0\x16timed out")))),
        ("dns", "refused", with(0, dns(0x8185, &[], &[]))),
        ("dns", "truncated", with(0, dns(0x8380, &[address(1)], &[]))),
        ("dns", "loop", with(0, loops)),
        ("dns", "formerr-bare", with(0x80, [0, 0, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0])),
        ("dns", "aliases-64-kib", with(0, aliases())),
        ("dns", "none-of-these", with(6, dns(ok, &[address(9)], &[]))),
        ("dns", "pattern", with(7, dns(ok, &[address(1)], &[]))),
        ("sip", "ok", sip("SIP/2.0 200 OK", "Via: SIP/2.0/UDP 127.0.0.1;received=192.0.2.9;rport=1025\r\nServer: PBX 1\r\nContent-Length: 0\r\n").into()),
        ("sip", "trying-then-ok", (sip("SIP/2.0 100 Trying", "l: 3\r\n") + "abc" + &sip("SIP/2.0 200 OK", "")).into()),
        ("sip", "refuses", sip("SIP/2.0 401 Unauthorized", "User-Agent: x\r\nContent-Length: 99999\r\n").into()),
        ("sip", "asks-itself", b"OPTIONS sip:linewatch SIP/2.0\r\n\r\n".to_vec()),
        ("sip", "other-call", b"SIP/2.0 200 OK\r\nCall-ID: other\r\n\r\n".to_vec()),
        ("sip", "kept-open", ("\r\n\r\n".to_owned() + &sip("SIP/2.0 100 Trying", "") + "\r\n" + &sip("SIP/2.0 200 OK", "")).into()),
        ("sip", "http", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ("sip", "v6", sip("SIP/2.0 503 Busy", "v: x;received=[2001:db8::1];rport=5060\r\n").into()),
        ("ntp", "good", ntp(0x24, 1)),
        ("ntp", "stratum-3", ntp(0x24, 3)),
        ("ntp", "kiss-of-death", ntp(0x24, 0)),
        ("ntp", "not-set", ntp(0xe4, 2)),
        ("ntp", "question", ntp(0x23, 1)),
        ("ntp", "short", ntp(0x24, 1)[..47].to_vec()),
        ("smtp", "greeting", b"220 mail.example ESMTP\r\n".to_vec()),
        ("smtp", "offers", b"250-mail.example\r\n250-SIZE 1000\r\n250 STARTTLS\r\n".to_vec()),
        ("smtp", "masked", b"250-mail.example\r\n250 XXXXXXXA\r\n".to_vec()),
        ("smtp", "busy", b"421 4.3.2 try again later\r\n".to_vec()),
        ("smtp", "http", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ("smtp", "endless", b"250-a\r\n".repeat(120)),
        ("smtp", "bare", b"250\n220-\n220\n".to_vec()),
        ("ldap", "success", answers(0)),
        ("ldap", "not-allowed", answers(49)),
        ("ldap", "unavailable", answers(52)),
        ("ldap", "long-lengths", [&[0x30, 0x84, 0, 0, 0, 16, 2, 1, 1, 0x61, 0x84, 0, 0, 0, 7][..], &answers(0)[7..]].concat()),
        ("ldap", "notice", vec![0x30, 0x0c, 2, 1, 0, 0x78, 7, 0x0a, 1, 52, 4, 0, 4, 0]),
        ("ldap", "too-long", vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff]),
        ("ldap", "without-end", vec![0x30, 0x80, 2, 1, 1]),
        ("icmp", "reply", with(0, icmp(0, 7, 300))),
        ("icmp", "reply-raw", with(1, in_ipv4([192, 0, 2, 1], [127, 0, 0, 1], &icmp(0, 7, 300)))),
        ("icmp", "reply-v6", with(2, icmp(129, 7, 300))),
        ("icmp", "question", with(0, icmp(8, 7, 300))),
        ("icmp", "no-way-raw", {
            let quoted = in_ipv4([127, 0, 0, 1], [192, 0, 2, 1], &icmp(8, 7, 300));
            with(1, in_ipv4([198, 51, 100, 1], [127, 0, 0, 1], &[&[3, 1, 0, 0, 0, 0, 0, 0][..], &quoted].concat()))
        }),
        ("icmp", "no-way-short", with(1, in_ipv4([198, 51, 100, 1], [127, 0, 0, 1], &[3, 1, 0, 0, 0, 0, 0, 0]))),
        ("icmp", "cut", with(3, [129, 0])),
        ("reflector", "question", with(7, &question)),
        ("reflector", "question-udp", with(3, &question)),
        ("reflector", "question-full", with(3, padded(frame(2, &ports), 1440))),
        ("reflector", "old", with(5, &question)),
        ("reflector", "unsigned", with(2, &question)),
        ("reflector", "too-short-for-an-answer", with(3, frame(1, &[0]))),
        ("reflector", "answer", with(3, saw(0x81))),
        ("reflector", "too-many-ports", with(3, padded(frame(1, &[200]), 900))),
        ("knock", "saw", with(1, saw(0x81))),
        ("knock", "saw-full", with(1, padded(saw(0x82), 1440))),
        ("knock", "untimely", with(1, padded(frame(0xff, &[]), 60))),
        ("knock", "busy", with(1, padded(frame(0xfe, &[]), 60))),
        ("knock", "unsigned", with(0, padded(saw(0x81), 92))),
        ("knock", "foreign", with(0, refusal(0xf0, [7; 16]))),
        ("knock", "crowded", with(0, refusal(0xf1, [0; 16]))),
        ("knock", "banner", with(0, b"HTTP/1.1 400 Bad Request\r\n\r\n")),
        ("http_1", "page", with(4, b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nall is well")),
        ("http_1", "chunks-no-size", with(0, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nhi")),
        ("http_1", "chunks-no-end-of-size", with(0, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\rXhi")),
        ("http_1", "chunks-no-end-of-data", with(0, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhiXX0")),
        ("http_1", "chunks-space-in-size", with(0, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2 x\r\nhi")),
        ("http_1", "chunks-empty-size", with(0, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n")),
        ("http_1", "chunks-bad-trailer", with(0, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nbad header\r\n\r\n")),
        ("http_1", "drip", with(20, b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nall is well")),
        ("http_1", "chunked", with(4, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7;x=y\r\nall is \r\n4\r\nwell\r\n0\r\nA: b\r\n\r\n")),
        ("http_1", "without-length", with(0, b"HTTP/1.0 200 OK\r\n\r\nsome")),
        ("http_1", "redirect", with(3, b"HTTP/1.1 302 Found\r\nLocation: /log-in#x\r\n\r\n")),
        ("http_1", "redirect-not-followed", with(0, b"HTTP/1.1 302 Found\r\nLocation: http://192.168.1.1/\r\nContent-Length: 0\r\n\r\n")),
        ("http_1", "block-page", with(0, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\nFortiGuard")),
        ("http_1", "own-mark", with(8, b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\nKent web filter")),
        ("http_1", "portal", with(0, b"HTTP/1.1 511 Network Authentication Required\r\nContent-Length: 0\r\n\r\n")),
        ("http_1", "interim", with(0, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")),
        ("http_1", "two-lengths", with(0, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")),
        ("http_1", "negative-length", with(0, b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n")),
        ("http_1", "huge-chunk", with(0, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nab")),
        ("http_1", "cut", with(0, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nall is")),
        ("http_1", "tls", with(0, [0x15, 3, 3, 0, 2, 2, 40])),
        ("http_2", "no-content", with(0, h2_status(9))),
        ("http_2", "page", with(4, [h2_status(8), h2(0, 1, 1, b"all is well")].concat())),
        ("http_2", "drip", with(20, [h2_status(8), h2(0, 1, 1, b"all is well")].concat())),
        ("http_2", "not-found", with(0, [h2_status(13), h2(0, 1, 1, b"zscaler")].concat())),
        ("http_2", "broken-off", with(0, [h2_status(8), h2(3, 0, 1, &[0, 0, 0, 2])].concat())),
        ("http_2", "wants-1.1", with(0, [h2_settings.clone(), h2(7, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 13])].concat())),
        ("http_2", "table-bomb", with(0, [h2_settings.clone(), h2(1, 4, 1, &[0x3f, 0xff, 0xff, 0xff, 0x7f])].concat())),
        ("http_2", "endless-head", with(0, [h2_settings.clone(), long_block, continuation.repeat(40)].concat())),
        ("http_2", "pushes", with(0, [h2_settings.clone(), h2(5, 4, 1, &[0, 0, 0, 2, 0x88])].concat())),
        ("http_2", "pings", with(0, [h2_settings.clone(), h2(6, 0, 0, &[0; 8]).repeat(30)].concat())),
        ("http_2", "http-1", with(0, b"HTTP/1.1 400 Bad Request\r\n\r\n")),
        ("tunnel", "leave", with(0, b"HTTP/1.1 200 Connection established\r\n\r\n")),
        ("tunnel", "words-of-its-own", with(0, b"HTTP/1.1 200 OK\r\n\r\nhello")),
        ("tunnel", "log-in", with(0, b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n")),
        ("tunnel", "forbidden", with(16, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nnever")),
        ("tunnel", "portal", with(0, b"HTTP/1.1 511 Log in\r\n\r\n")),
        ("tunnel", "no-proxy", with(0, b"220 mail.example ESMTP\r\n")),
        ("redirect", "public", with(3, redirects)),
        ("redirect", "private-to-own", with(7, "http://10.0.0.2/\nhttp://127.0.0.1/\n")),
        ("redirect", "own", with(11, "http://127.0.0.1:1/\nhttp://[::1]/\n")),
        ("redirect", "circle", with(3, "/a\n/b\n/a\n")),
        ("redirect", "schemes", with(3, "file:///etc/passwd\njavascript:alert(1)\nftp://x/\nhttps://\n")),
        ("redirect", "odd-addresses", with(3, "http://0x7f.1/\nhttp://2130706433/\nhttp://[::ffff:127.0.0.1]/\n")),
        ("redirect", "mapped", with(3, "http://[64:ff9b::a00:1]/\nhttp://localhost./\n")),
        ("redirect", "user-and-port", with(2, "http://accurx.example@169.254.169.254:80/\n\\\\evil\\x\n")),
        ("observation", "good", line("G82002", 0, "\"ok\":true,\"ms\":21.5,\"phases_ms\":{\"dns\":1.0,\"connect\":9.5}").into()),
        ("observation", "failed", line("G82002", 0, &format!("{fails},\"loss\":0.25,\"detail\":\"none came\",\"seq\":7,\"agent\":\"a\",\"uplink\":\"hscn\",\"reask\":true")).into()),
        ("observation", "alive", b"{\"at\":\"2026-03-16T07:12:03.120Z\",\"practice\":\"G82002\",\"probe\":\"@alive\"}".to_vec()),
        ("observation", "far-away", b"{\"at\":\"-009999-01-01T00:00:00Z\",\"practice\":\"\",\"probe\":\"\",\"ms\":1e308,\"received\":\"9999-12-30T22:00:00.9Z\"}".to_vec()),
        ("observation", "deep", [b"{\"x\":".repeat(200), b"1".to_vec(), b"}".repeat(200)].concat()),
        ("agent_key", "key", format!("Bearer lw1.0123456789ab.{}", "0f".repeat(32)).into()),
        ("agent_key", "code", b"7kd3m-o1l0q 2vxyz-34567".to_vec()),
        ("agent_key", "neither", b"Bearer lw1..".to_vec()),
        ("batch", "lines", (numbered.clone() + thinned).into()),
        ("batch", "packed", gzip(numbered.as_bytes())),
        ("batch", "cut", gzip(numbered.as_bytes())[..40].to_vec()),
        ("batch", "garbage", b"{\"seq\":7,\"practice\":1}\nnonsense\n".to_vec()),
        ("batch", "no-end", numbered.trim_end().into()),
        ("replay", "outage", outage.clone().into()),
        ("replay", "ends", (outage.clone() + "{\"at\":\"2026-03-16T09:00:00.000Z\",\"end\":true}\n").into()),
        ("replay", "backwards", (line("G82001", 600, fails) + &line("G82001", 3, fails) + "\n{}\n").into()),
        ("replay", "strangers", (line("X", 1, fails) + &line("@hub", 2, fails) + &line("G82001", 3, fails).replace("accurx-https", "@bye")).into()),
        ("rtp_packet", "echo", with(3, rtp(1, 0, &[]))),
        ("rtp_packet", "train", with(3, [rtp(1, 0, &[]), rtp(1, 2, &[]), rtp(1, 1, &[]), rtp(1, 2, &[]), rtp(2, 0, &[])].concat())),
        ("rtp_packet", "too-far", with(3, rtp(1, 250, &[]))),
        ("rtp_packet", "old", with(1, rtp(1, 0, &[]))),
        ("rtp_packet", "unsigned", with(2, rtp(1, 0, &[]))),
        ("rtp_packet", "answer", with(1, rtp(0x81, 3, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7, 0x9c, 0x40, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0xff]))),
        ("rtp_packet", "busy", with(1, rtp(0xfe, 0, &[]))),
        ("rtp_packet", "tallies", with(3, [rtp(2, 0, &[]), rtp(2, 1, &[]), rtp(2, 2, &[]), rtp(2, 3, &[])].concat())),
        ("rtp_packet", "cut", with(3, rtp(1, 0, &[])[..100].to_vec())),
        ("rtp_train", "good", with(31, call(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]))),
        ("rtp_train", "some-lost", with(23, call(&[0, 2, 3, 7]))),
        ("rtp_train", "tally", with(8, [call(&[0, 1]), tally(200, seen(400_000, 1, 2, 0, 0x3ff))].concat())),
        ("rtp_train", "twice", with(24, [call(&[1, 1, 2]), echo(1, 1, seen(1, 255, 255, 240, 0xffff)), echo(1, 99, seen(1, 0, 0, 0, 0))].concat())),
        ("rtp_train", "clock-far-ahead", with(31, [vec![0, 20, 0, 20], echo(5, 0, seen(u64::MAX, 0, 0, 0, 1)), echo(5, 1, seen(0, 0, 0, 0, 3))].concat())),
        ("rtp_train", "late-itself", with(26, [vec![0xfc, 20], echo(255, 0, seen(9, 0, 0, 0, 1))].concat())),
        ("rtp_train", "strangers", with(0, [0, 20, 3, 1, 3, 1])),
        ("path", "reached", with(2, [steps(&[router(1), router(2)]), vec![4]].concat())),
        ("path", "prohibited", with(6, [steps(&[router(1), icmp_says(8, 2, 3, 13, 1), router(3)]), vec![0; 60], steps(&[router(1)]), vec![4]].concat())),
        ("path", "closed", with(4, steps(&[router(1), icmp_says(8, 2, 3, 3, 1)]))),
        ("path", "v6", with(7, steps(&[[&icmp_says(8, 3, 3, 0, 4)[..5], &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 8, 0, 0, 0, 0, 0, 0, 0][..]].concat(), icmp_says(8, 3, 1, 4, 1)]))),
        ("path", "echoes", with(10, [steps(&[router(1), router(2), router(3), router(2), router(3), router(2)]), vec![0; 40]].concat())),
        ("path", "no-route", with(3, icmp_says(8, 1, 3, 1, 0))),
        ("path", "own-word", with(3, icmp_says(8, 2, 3, 1, 2))),
        ("path", "through", with(18, [steps(&[router(1)]), vec![4]].concat())),
        ("beat", "done", with(1, "")),
        ("beat", "failed", with(10, format!("{token}/fail\nits log"))),
        ("beat", "began", with(15, "/start\n")),
        ("beat", "status", with(23, "/3")),
        ("beat", "code", with(5, "?x=y&code=0")),
        ("beat", "too-much", with(1, "/256")),
        ("beat", "escaped", with(0, "%30%66/%66ail")),
        ("beat", "deeper", with(1, "/fail/again")),
        ("bounce", "postfix", bounce(include_str!("../tests/notify/bounces/postfix.eml"))),
        ("bounce", "exim", bounce(include_str!("../tests/notify/bounces/exim.eml"))),
        ("bounce", "exchange", bounce(include_str!("../tests/notify/bounces/exchange.eml"))),
        ("bounce", "delayed", bounce(include_str!("../tests/notify/bounces/delayed.eml"))),
        ("bounce", "holiday", bounce(include_str!("../tests/notify/bounces/holiday.eml"))),
        ("bounce", "spam", bounce(include_str!("../tests/notify/bounces/spam.eml"))),
        ("bounce", "least", b"References:<a@b>\nContent-Type:message/delivery-status\n\nAction:failed\n".to_vec()),
        ("bounce", "within", "Content-Type: message/rfc822\n\n".repeat(100).into_bytes()),
        ("bounce", "too-deep", "Content-Type: message/rfc822\n\n".repeat(101).into_bytes()),
        ("hub_request", "bounce", with(3, "POST /api/v1/bounces\n\n{\"message_ids\":[\"a@b\"],\"recipients\":[{\"action\":\"failed\"}]}")),
        ("hub_request", "page", with(3, "GET /")),
        ("hub_request", "practice", with(3, "GET /practice/G82001")),
        ("hub_request", "practices", with(3, "GET /practices\nHost: localhost")),
        ("hub_request", "incident", with(3, "GET /incident/2026-03-16-1")),
        ("hub_request", "status", with(3, "GET /api/v1/status")),
        ("hub_request", "practice-json", with(3, "GET /api/v1/practices/G82001%2Fx")),
        ("hub_request", "history", with(3, "GET /api/v1/incidents/2026-03-16-1")),
        ("hub_request", "why", with(3, "GET /api/v1/incidents/2026-03-16-1/why")),
        ("hub_request", "approve", with(3, "POST /api/v1/incidents/2026-03-16-1/approve\n\n{\"by\":\"A. Smith\"}")),
        ("hub_request", "approve-from-afar", with(2, "POST /api/v1/incidents/2026-03-16-1/approve\n\n")),
        ("hub_request", "approve-by-another-site", with(3, "POST /api/v1/incidents/2026-03-16-1/approve\nOrigin: http://evil.example\n\n{}")),
        ("hub_request", "approve-unmarked", with(1, "POST /api/v1/incidents/2026-03-16-1/approve\nHost: 127.0.0.1\nOrigin: http://127.0.0.1\n\n{\"by\":null}")),
        ("hub_request", "ack-link", with(1, "POST /ack/2026-03-16-1/0123456789abcdef/00\nHost: linewatch.example\nContent-Type: application/x-www-form-urlencoded\n\nname=Jo&note=On+it")),
        ("hub_request", "rebinding", with(1, "GET /api/v1/status\nHost: evil.example:9460")),
        ("hub_request", "metrics", with(3, "GET /metrics")),
        ("hub_request", "beat", with(3, "POST /beat/0f/fail\n\nlog")),
        ("hub_request", "beats", with(3, "GET /api/v1/beats")),
        ("hub_request", "nothing-there", with(3, "DELETE /%3Cscript%3E?x=%00")),
        ("tcp", "banner", with(255, "220 server ready\r\n")),
        ("tcp", "drip", with(0, "rereadready")),
        ("tcp", "other", with(9, "HTTP/1.1 400 Bad\x1b[31m Request\r\n")),
        ("tcp", "nothing", with(0, "")),
        ("udp", "pong", with(1, "pong 1")),
        ("udp", "other", with(1, [0xff; 70])),
        ("udp", "any", with(0, "")),
        ("ods", "good", with(0, ods("G82002", "QKS", "ACTIVE", "RO76") + &ods("G82003", "QKS", "C", "4") + &ods("V1", "QKS", "A", "1"))),
        ("ods", "names-of-columns", with(0, ods("Code", "x", "Status", "x") + &ods("G82002", "QKS", "A", "4"))),
        ("ods", "narrow", with(0, "a,b,c\n")),
        ("ods", "sizes", with(1, "practice_code,list_size\nG82002,9800\nG82003,1\n")),
        ("ods", "sizes-wrong", with(1, "practice_code,list_size\nG82002,many\n")),
        ("probes_toml", "dns", probe("kind = \"dns\"\nserver = \"127.0.0.1:53\"\nname = \"accurx.example\"\nrecord = \"A\"")),
        ("probes_toml", "https", probe("kind = \"https\"\nurl = \"https://accurx.example/\"\nexpect_status = [200]\nredirects = 3\nissuer = \"DigiCert\"")),
        ("probes_toml", "egress", probe("kind = \"egress\"\ntarget = \"192.0.2.1:443\"\ntcp_open = [\"443\"]\nudp_open = [\"53\"]")),
        ("probes_toml", "icmp", probe("kind = \"icmp\"\ntarget = \"127.0.0.1\"\ncount = 5\nloss_max = 0.2")),
        ("probes_toml", "later", probe("kind = \"fax\"\ntarget = \"127.0.0.1:1\"")),
        ("probes_toml", "wrong", probe("kind = \"dns\"\nserver = \"127.0.0.1:99999\"\nevery = \"1ms\"")),
        ("probes_toml", "cut", county.as_bytes()[..60].to_vec()),
        ("practices_csv", "good", b"ods,name,list_size,source,carrier,firewall\r\nG82002,\"St James' \"\"old\"\" Surgery, Dover\",9800,127.1.0.2,bt,fw-maidstone\r\nG82003,Other,,,bt,\r\n".to_vec()),
        ("practices_csv", "branch", b"\xef\xbb\xbfods,branch,name,email\nG82002,westfield,W,a@b.example\nG82002,,S,\n".to_vec()),
        ("practices_csv", "twice", b"ods,name\nG82002,a\nG82002,b\n".to_vec()),
        ("practices_csv", "open-quote", b"ods,name\nG82002,\"a\nG82003,b\n".to_vec()),
        ("practices_csv", "unknown-component", b"ods,name,carrier\nG82002,a,btt\n".to_vec()),
        ("practices_csv", "not-utf8", b"ods,name\nG82002,\xe9\n".to_vec()),
        ("segment", "active", with(0, [segment_head.clone(), segment(2, &segment_record), segment(2, &segment_note)].concat())),
        ("segment", "scratched", with(0, [segment_head.clone(), vec![0; 9], segment(2, &segment_record)[..20].to_vec(), segment(2, &segment_note)].concat())),
        ("segment", "sealed", with(0, [segment_head.clone(), segment(3, &segment_block), segment(4, &[1])].concat())),
        ("segment", "lies", with(0, [segment_head.clone(), segment(3, &[0, 0xff, 0xff, 3, 1, 200, 0, 1, 3, 0]), segment(2, &[0, 1, 255])].concat())),
        ("volume", "open", with(0, [segment_head.clone(), segment(2, &segment_record), vec![0; 5], segment(2, &segment_note)].concat())),
        ("volume", "sealed", with(0, [segment_head.clone(), segment(6, &[1, 20, 0, 20, 0]), segment(5, &segment_sheet)].concat())),
        ("volume", "lies", with(1, [&[5, 6, 0][..], &[0xff, 3, 1, b'b', 1, b'a'], &[6, 2, 0, 9, 9]].concat())),
        ("segment", "payloads", with(1, [&[2, 11, 0][..], &segment_record, &[2, 12, 0], &segment_note].concat())),
        ("segment", "block", with(1, [&[3, 18, 0][..], &segment_block, &[4, 1, 0, 1]].concat())),
        ("practices_csv", "ragged", b"ods,name\nG82002\nG82003,a,b,c\n,,\n".to_vec()),
    ]
}

fn main() {
    let corpus = std::env::args().nth(1).expect("the folder of the corpora");
    for (target, name, bytes) in seeds() {
        let folder = Path::new(&corpus).join(target);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(name), bytes).expect("a file");
    }
}
