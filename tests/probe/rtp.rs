//! `rtp` probes against a real reflector, across a line that loses, doubles, swaps and holds up what it is told to.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use linewatch::estate::{Ask, RtpAsk, SharedSecret};
use linewatch::observation::{Failure, Phase};
use linewatch::probe::{Answer, RtpFacts};
use linewatch::reflector::frame::{Key, QUESTION_BYTES_MIN};
use linewatch::reflector::train::{PACKET_BYTES, Says, Wants};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::UdpSocket;

use super::reflector::{Running, now, secret, start};
use super::{LONG, ask, ask_from, detail, failed, host_port, servers};

/// What the line does with a packet; by its place in its direction.
#[derive(Clone, Copy)]
enum Does {
    Passes,
    Loses,
    Doubles,
    /// Holds it back until the next one has passed.
    Swaps,
    Delays(Duration),
}
use Does::{Delays, Doubles, Loses, Passes, Swaps};

type Line = fn(usize) -> Does;

const fn sound(_: usize) -> Does {
    Passes
}

/// One direction of it.
struct Way {
    does: Line,
    passed: usize,
    held: Option<Vec<u8>>,
}

impl Way {
    const fn new(does: Line) -> Self {
        Self { does, passed: 0, held: None }
    }

    /// What goes on at once, and what later.
    fn take(&mut self, packet: &[u8]) -> (Vec<Vec<u8>>, Option<Duration>) {
        let packet = packet.to_vec();
        let place = self.passed;
        self.passed += 1;
        let mut on = match (self.does)(place) {
            Passes => vec![packet],
            Loses => Vec::new(),
            Doubles => vec![packet.clone(), packet],
            Swaps => {
                self.held = Some(packet);
                return (Vec::new(), None);
            }
            Delays(by) => return (vec![packet], Some(by)),
        };
        on.extend(self.held.take());
        (on, None)
    }
}

/// A line to the reflector for one asker.
async fn line(server: &Running, there: Line, back: Line) -> SocketAddr {
    let outer = Arc::new(UdpSocket::bind("127.0.0.1:0").await.expect("a port"));
    let inner = Arc::new(UdpSocket::bind("127.0.0.1:0").await.expect("a port"));
    inner.connect((server.ip, server.udp[0])).await.expect("the reflector");
    let address = outer.local_addr().expect("its address");
    let (mut there, mut back) = (Way::new(there), Way::new(back));
    tokio::spawn(async move {
        let (mut question, mut answer) = ([0; 2048], [0; 2048]);
        let mut asker = None;
        loop {
            tokio::select! {
                Ok((bytes, from)) = outer.recv_from(&mut question) => {
                    asker = Some(from);
                    let (packets, _) = there.take(&question[..bytes]);
                    for packet in packets {
                        inner.send(&packet).await.expect("sent on");
                    }
                }
                Ok(bytes) = inner.recv(&mut answer) => {
                    let (to, outer) = (asker.expect("somebody asked"), outer.clone());
                    let (packets, by) = back.take(&answer[..bytes]);
                    tokio::spawn(async move {
                        tokio::time::sleep(by.unwrap_or_default()).await;
                        for packet in packets {
                            // The asker may have gone; that is no business of the line's.
                            drop(outer.send_to(&packet, to).await);
                        }
                    });
                }
            }
        }
    });
    address
}

fn train(to: SocketAddr, packets: u16) -> RtpAsk {
    RtpAsk {
        target: host_port(to),
        secret: Some(secret()),
        packets,
        loss_max: 0.0,
        jitter_max: None,
        delay_max: None,
        mos_min: None,
    }
}

fn facts(answer: &Answer) -> RtpFacts {
    answer.facts.rtp.expect("a train")
}

async fn through(there: Line, back: Line) -> Answer {
    let server = start([127, 0, 7, 1], 0, 1, 500).await;
    let to = line(&server, there, back).await;
    ask(Ask::Rtp(train(to, 10)), LONG).await
}

#[tokio::test]
async fn a_sound_line_loses_nothing() {
    let server = start([127, 0, 7, 2], 0, 1, 500).await;
    let at = SocketAddr::from((server.ip, server.udp[0]));
    let answer = ask(Ask::Rtp(train(at, 50)), LONG).await;
    assert!(answer.ok, "{answer:?}");
    let facts = facts(&answer);
    assert_eq!((facts.sent, facts.received, answer.loss), (50, 50, Some(0.0)));
    assert_eq!((facts.duplicates_up, facts.duplicates_down, facts.reordered_up), (0, 0, 0));
    assert!(facts.mos().is_some_and(|mos| (1.0..=4.5).contains(&mos)), "{facts:?}");
    assert!(facts.jitter_up_ms.is_some() && facts.jitter_down_ms.is_some(), "{facts:?}");
    assert_eq!(answer.phases_ms.echo, facts.median_ms);
    assert!(answer.ms >= 980.0, "fifty packets, one each 20 ms: {answer:?}");
    assert_eq!(answer.facts.seen_as.map(|seen| seen.ip()), Some(Ipv4Addr::LOCALHOST.into()));
    // All of them, although so many are far above the answers that a source may have at once.
    assert_eq!(server.counted(|counted| counted.answered_rtp == 50).await.limited, 0);
}

#[tokio::test]
async fn what_is_lost_there_is_told_from_what_is_lost_back() {
    let answer = through(|place| if place == 3 || place == 9 { Loses } else { Passes }, sound).await;
    assert_eq!(failed(&answer), (Some(Failure::Loss), Some(Phase::Echo)), "{answer:?}");
    assert_eq!(detail(&answer), "2 of 10 packets were lost, 2 on the way there; 0 % are allowed");
    assert_eq!(answer.loss, Some(0.2));

    let answer = through(sound, |place| if place > 6 && place < 10 { Loses } else { Passes }).await;
    assert_eq!(detail(&answer), "3 of 10 packets were lost, 3 on the way back; 0 % are allowed");
    let facts = facts(&answer);
    assert_eq!((facts.lost_up, facts.lost_down, facts.lost_somewhere), (0, 3, 0));
    assert!(facts.mos_down < facts.mos_up, "{facts:?}");
}

#[tokio::test]
async fn some_loss_is_allowed() {
    let server = start([127, 0, 7, 3], 0, 1, 500).await;
    let to = line(&server, |place| if place == 3 { Loses } else { Passes }, sound).await;
    let answer = ask(Ask::Rtp(RtpAsk { loss_max: 0.1, ..train(to, 10) }), LONG).await;
    assert!(answer.ok && answer.loss == Some(0.1), "{answer:?}");
}

#[tokio::test]
async fn what_fails_before_the_first_packet_has_its_phase_too() {
    let train = train(SocketAddr::from(([127, 0, 0, 1], 9)), 10);
    let answer = ask_from(Ask::Rtp(train), LONG, Some("192.0.2.7".parse().expect("an address"))).await;
    assert_eq!(failed(&answer), (Some(Failure::Local), Some(Phase::Echo)), "{answer:?}");
}

#[tokio::test]
async fn doubles_and_swaps_are_counted_in_their_direction() {
    let answer = through(|place| if place == 2 { Doubles } else { Passes }, sound).await;
    assert!(answer.ok, "{answer:?}");
    assert_eq!((facts(&answer).duplicates_up, facts(&answer).duplicates_down), (1, 0));
    let answer = through(|place| if place == 4 { Swaps } else { Passes }, sound).await;
    assert_eq!((facts(&answer).reordered_up, facts(&answer).reordered_down), (1, 0), "{answer:?}");
    let answer = through(sound, |place| if place == 4 { Swaps } else { Passes }).await;
    assert_eq!((facts(&answer).reordered_up, facts(&answer).reordered_down), (0, 1), "{answer:?}");
    let answer = through(sound, |place| if place == 2 { Doubles } else { Passes }).await;
    assert_eq!((facts(&answer).duplicates_up, facts(&answer).duplicates_down), (0, 1), "{answer:?}");
}

/// On a clock that goes on by itself when nothing else is to be done: the line's 300 ms cost nobody any, and no machine is late.
#[tokio::test(start_paused = true)]
async fn a_line_that_holds_packets_up_is_too_slow() {
    let server = start([127, 0, 7, 4], 0, 1, 500).await;
    let to = line(&server, sound, |_| Delays(Duration::from_millis(300))).await;
    let question = RtpAsk { delay_max: Some(Duration::from_millis(150)), ..train(to, 10) };
    let answer = ask(Ask::Rtp(question), LONG).await;
    let facts = facts(&answer);
    assert!(facts.delay_ms >= Some(190.0) && facts.median_ms >= Some(300.0), "{facts:?}");
    assert_eq!(answer.failure, Some(Failure::TooSlow), "{answer:?}");
}

#[tokio::test]
async fn silence_takes_all_the_time_and_counts_its_packets() {
    let mute = UdpSocket::bind("127.0.7.5:0").await.expect("a port");
    let server = start([127, 0, 7, 6], 0, 1, 500).await;
    let stranger = SharedSecret::new("incorrect horse battery").ok();
    for question in [
        train(mute.local_addr().expect("its address"), 10),
        RtpAsk { secret: stranger, ..train(udp_of(&server), 10) },
    ] {
        let answer = ask(Ask::Rtp(question), Duration::from_millis(1200)).await;
        assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::Echo)), "{answer:?}");
        assert_eq!((answer.loss, facts(&answer).sent), (Some(1.0), 10), "{answer:?}");
        assert!(detail(&answer).contains("none of 10 packets came back"), "{answer:?}");
    }
    assert_eq!(
        server.counted(|counted| counted.forged == 13).await.answered_rtp,
        0,
        "ten, and three tallies"
    );
}

#[tokio::test]
async fn a_closed_port_says_so_at_once() {
    let closed = servers::ClosedUdp::new().await;
    let answer = ask(Ask::Rtp(train(closed.address, 10)), LONG).await;
    assert_eq!(failed(&answer), (Some(Failure::Refused), Some(Phase::Echo)), "{answer:?}");
}

#[tokio::test]
async fn somebody_else_who_answers_is_no_reflector() {
    let echo = servers::udp(|packet, _| vec![packet.to_vec()]).await;
    let answer = ask(Ask::Rtp(train(echo, 10)), Duration::from_millis(1200)).await;
    assert_eq!(failed(&answer), (Some(Failure::Intercepted), Some(Phase::Echo)), "{answer:?}");
}

#[tokio::test]
async fn a_reflector_with_too_many_trains_convicts_no_line() {
    // One answer a second: one train each ten.
    let server = start([127, 0, 7, 7], 0, 1, 1).await;
    assert!(ask(Ask::Rtp(train(udp_of(&server), 10)), LONG).await.ok);
    let answer = ask(Ask::Rtp(train(udp_of(&server), 10)), LONG).await;
    assert_eq!(answer.failure, Some(Failure::Local), "{answer:?}");
    assert!(detail(&answer).contains("--max-per-second"), "{answer:?}");
}

/// What stands on the open internet: each packet is answered once, with as much as it brought.
#[tokio::test]
async fn a_packet_is_answered_once_and_no_answer_is_larger() {
    let server = start([127, 0, 7, 8], 0, 1, 500).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    socket.connect(udp_of(&server)).await.expect("addressed");
    let key = Key::new(&secret());
    let of = |nonce: u8, wants, clock| key.packet([nonce; 16], wants, clock);
    let mut changed = of(1, Wants::Echo(1), now());
    changed[3] ^= 1;
    for packet in [
        of(1, Wants::Echo(0), now()),
        of(1, Wants::Echo(0), now()),
        of(2, Wants::Echo(0), now() - 3600),
        changed,
        of(1, Wants::Echo(5), now()),
        of(1, Wants::Tally(0), now()),
        of(1, Wants::Tally(0), now()),
    ] {
        socket.send(&packet).await.expect("sent");
    }
    let mut answered = Vec::new();
    let mut buffer = [0; 2048];
    while answered.len() < 3 {
        let bytes =
            tokio::time::timeout(LONG, socket.recv(&mut buffer)).await.expect("in time").expect("heard");
        assert_eq!(bytes, PACKET_BYTES);
        let answer = key.read_packet_answer(&buffer[..bytes]).expect("an answer of ours");
        let Says::Saw(wants, saw) = answer.says else { panic!("{answer:?}") };
        answered.push(wants);
        if let Wants::Tally(_) = wants {
            assert!(saw.arrived.has(0) && saw.arrived.has(5) && !saw.arrived.has(1), "{saw:?}");
            assert_eq!((saw.repeated, saw.source), (1, socket.local_addr().expect("ours")));
        }
    }
    assert_eq!(answered, [Wants::Echo(0), Wants::Echo(5), Wants::Tally(0)]);
    let counted = server.counted(|counted| counted.repeated == 2).await;
    assert_eq!((counted.answered_rtp, counted.untimely, counted.forged), (3, 1, 1), "{counted}");
    // Frames of the other kind are answered beside them.
    socket
        .send(&key.question(
            linewatch::reflector::frame::Kind::Short,
            [9; 16],
            now(),
            &[],
            QUESTION_BYTES_MIN,
        ))
        .await
        .expect("sent");
    assert_eq!(server.counted(|counted| counted.answered_udp == 1).await.answered_udp, 1);
}

#[tokio::test]
async fn as_it_is_typed() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("secret"), "correct horse battery staple\n").expect("written");
    // Free a moment ago, at an address that no other test uses.
    let free = std::net::UdpSocket::bind("127.0.7.20:0").and_then(|s| s.local_addr()).expect("a port").port();
    let mut reflector = tokio::process::Command::new(env!("CARGO_BIN_EXE_linewatch"))
        .args(["reflector", "--listen", "127.0.7.20", "--secret-file"])
        .arg(dir.path().join("secret"))
        .args(["--udp", &free.to_string()])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let mut said = BufReader::new(reflector.stdout.take().expect("piped")).lines();
    said.next_line().await.expect("read").expect("it listens");
    let config = format!(
        "[icb]\ncode = \"QKS\"\nname = \"Test county\"\ntimezone = \"Europe/London\"\n\
         [[network]]\nid = \"internet\"\nname = \"the internet\"\nthrough = []\n\
         [[practice]]\nods = \"G82002\"\nname = \"St James' Surgery\"\nsource = \"127.0.0.3\"\n\
         [[probe]]\nid = \"voice\"\nkind = \"rtp\"\nnetwork = \"internet\"\ntarget = \"127.0.7.20:{free}\"\n\
         secret_file = \"secret\"\npackets = 10\nevery = \"60s\"\ntimeout = \"20s\"\n"
    );
    let path = dir.path().join("probes.toml");
    std::fs::write(&path, config).expect("written");
    let probe = |more: Option<&'static str>| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_linewatch"));
        command.args(["probe", "voice", "--practice", "G82002", "--config"]).arg(&path).args(more);
        command
    };
    let output = probe(None).output().await.expect("it ran");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0), "{text}");
    for row in
        ["10 sent, 10 came back", "mouth to ear", "an estimate of the line, not of a call", "127.0.0.3:"]
    {
        assert!(text.contains(row), "{row}: {text}");
    }
    let output = probe(Some("--json")).output().await.expect("it ran");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        json.pointer("/facts/rtp/received").or(json.pointer("/answer/facts/rtp/received")),
        Some(&10.into()),
        "{json}"
    );
    reflector.kill().await.expect("stopped");
}

fn udp_of(server: &Running) -> SocketAddr {
    SocketAddr::from((server.ip, server.udp[0]))
}
