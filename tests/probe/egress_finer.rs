//! The finer points of a firewall: sizes of packets, silent connections; and the two commands as they are typed.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use linewatch::estate::Ask;
use linewatch::observation::{Failure, Phase};
use linewatch::probe::{Answer, Prober, SizeFacts};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::egress::{egress, of};
use super::reflector::{Running, start};
use super::{LONG, ask, detail, failed, probe, servers};

const HEADERS: usize = 28;

/// Asks without the rule that a time-out takes until the deadline: these end as soon as they know.
async fn ask_early(question: linewatch::estate::EgressAsk, timeout: Duration) -> Answer {
    Prober::new().expect("a prober").ask(&probe(Ask::Egress(question), timeout), None).await
}

/// A way that loses packets above so many bytes, there and back, without a word.
async fn narrow(at: [u8; 4], server: &Running, there: usize, back: usize) -> Ipv4Addr {
    let at = Ipv4Addr::from(at);
    let outer = Arc::new(UdpSocket::bind((at, server.udp[0])).await.expect("the same port elsewhere"));
    let inside = SocketAddr::from((server.ip, server.udp[0]));
    tokio::spawn(async move {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok((bytes, peer)) = outer.recv_from(&mut buffer).await {
            if bytes + HEADERS > there {
                continue;
            }
            let (question, outer) = (buffer[..bytes].to_vec(), Arc::clone(&outer));
            tokio::spawn(async move {
                let inner = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
                inner.send_to(&question, inside).await.expect("sent");
                let mut answer = vec![0; 16 * 1024];
                let bytes = inner.recv(&mut answer).await.expect("answered");
                if bytes + HEADERS <= back {
                    outer.send_to(&answer[..bytes], peer).await.expect("sent");
                }
            });
        }
    });
    at
}

fn sized(at: Ipv4Addr, server: &Running) -> linewatch::estate::EgressAsk {
    let mut question = egress(at, 1);
    question.tcp_open.clear();
    question.udp_open.clone_from(&server.udp);
    question.mtu = Some(1500);
    question
}

#[tokio::test]
async fn large_packets_pass() {
    let server = start([127, 0, 6, 1], 0, 1, 500).await;
    let answer = ask(Ask::Egress(sized(server.ip, &server)), LONG).await;
    assert!(answer.ok && answer.phases_ms.echo.is_some(), "{answer:?}");
    let size = SizeFacts { wanted: 1500, largest: Some(1500), told: false, way_back: false };
    assert_eq!(answer.facts.egress.expect("a matrix").size, Some(size));
}

#[tokio::test]
async fn a_black_hole_is_found_to_the_byte() {
    let server = start([127, 0, 6, 2], 0, 1, 5000).await;
    let at = narrow([127, 0, 6, 3], &server, 1420, 1500).await;
    let answer = ask_early(sized(at, &server), Duration::from_secs(6)).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::Echo)), "{answer:?}");
    assert!(
        detail(&answer).contains("above 1420 bytes vanish") && detail(&answer).contains("black hole"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_black_hole_on_the_way_back_is_told_apart() {
    let server = start([127, 0, 6, 4], 0, 1, 5000).await;
    let at = narrow([127, 0, 6, 5], &server, 1500, 1300).await;
    let answer = ask_early(sized(at, &server), Duration::from_secs(6)).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::Echo)), "{answer:?}");
    assert!(detail(&answer).contains("above 1300 bytes get there"), "{answer:?}");
}

#[tokio::test]
async fn a_silent_connection_is_kept() {
    let server = start([127, 0, 6, 6], 1, 0, 500).await;
    let mut question = of(&server);
    question.idle = Some(Duration::from_millis(50));
    let answer = ask(Ask::Egress(question), LONG).await;
    assert!(
        answer.ok && answer.facts.egress.as_ref().is_some_and(|e| e.idle.is_some_and(|i| i.kept)),
        "{answer:?}"
    );
}

/// A firewall that forgets a connection after its first answer: it drops what comes then, or says so.
async fn forgetful(at: [u8; 4], server: &Running, drops: bool) -> Ipv4Addr {
    let at = Ipv4Addr::from(at);
    let listener = TcpListener::bind((at, server.tcp[0])).await.expect("the same port elsewhere");
    let inside = SocketAddr::from((server.ip, server.tcp[0]));
    tokio::spawn(async move {
        while let Ok((mut outer, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut inner = TcpStream::connect(inside).await.expect("the reflector");
                let mut buffer = [0; 1024];
                for _ in 0..1 {
                    let bytes = outer.read(&mut buffer).await.expect("a question");
                    inner.write_all(&buffer[..bytes]).await.expect("sent on");
                    let bytes = inner.read(&mut buffer).await.expect("an answer");
                    outer.write_all(&buffer[..bytes]).await.expect("sent back");
                }
                if drops {
                    servers::hold(outer).await;
                }
            });
        }
    });
    at
}

#[tokio::test]
async fn a_firewall_that_forgets_is_told() {
    let server = start([127, 0, 6, 7], 1, 0, 500).await;
    for (last, drops, failure) in [(8, true, Failure::Timeout), (9, false, Failure::Reset)] {
        let at = forgetful([127, 0, 6, last], &server, drops).await;
        let mut question = egress(at, server.tcp[0]);
        question.idle = Some(Duration::from_millis(50));
        let answer = ask_early(question, Duration::from_secs(2)).await;
        assert_eq!(failed(&answer), (Some(failure), Some(Phase::FirstByte)), "{answer:?}");
        assert!(detail(&answer).contains("forgets sessions"), "{answer:?}");
    }
}

#[tokio::test]
async fn the_two_commands_talk_to_each_other() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("secret"), "correct horse battery staple\n").expect("written");
    // Free a moment ago, at an address that no other test uses.
    let free =
        std::net::TcpListener::bind("127.0.6.20:0").and_then(|l| l.local_addr()).expect("a port").port();
    let mut reflector = tokio::process::Command::new(env!("CARGO_BIN_EXE_linewatch"))
        .args(["reflector", "--listen", "127.0.6.20", "--secret-file"])
        .arg(dir.path().join("secret"))
        .args(["--tcp", &free.to_string(), "--udp", &free.to_string()])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let mut said = BufReader::new(reflector.stdout.take().expect("piped")).lines();
    let line = said.next_line().await.expect("read").expect("a line");
    assert_eq!(line, format!("reflecting at 127.0.6.20: tcp/{free} udp/{free}"));
    let config = format!(
        "[icb]\ncode = \"QKS\"\nname = \"Test county\"\ntimezone = \"Europe/London\"\n\
         [[network]]\nid = \"internet\"\nname = \"the internet\"\nthrough = []\n\
         [[practice]]\nods = \"G82002\"\nname = \"St James' Surgery\"\nsource = \"127.0.0.3\"\n\
         [[probe]]\nid = \"policy\"\nkind = \"egress\"\nnetwork = \"internet\"\ntarget = \"127.0.6.20\"\n\
         secret_file = \"secret\"\ntcp_open = [\"{free}\"]\nudp_open = \"{free}\"\nmtu = 1500\n\
         every = \"60s\"\ntimeout = \"20s\"\n"
    );
    let path = dir.path().join("probes.toml");
    std::fs::write(&path, config).expect("written");
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_linewatch"))
        .args(["probe", "policy", "--practice", "G82002", "--config"])
        .arg(&path)
        .output()
        .await
        .expect("it ran");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(
        text.contains("source seen  127.0.0.3") && text.contains("1500 wanted, 1500 bytes came back"),
        "{text}"
    );
    assert!(text.contains(&format!("tcp/{free}")) && text.contains("must be open"), "{text}");

    let pid = Pid::from_raw(i32::try_from(reflector.id().expect("it runs")).expect("a pid"));
    kill(pid, Signal::SIGTERM).expect("signalled");
    let mut rest = String::new();
    while let Some(line) = said.next_line().await.expect("read") {
        rest.push_str(&line);
        rest.push('\n');
    }
    assert!(
        rest.contains("1  questions answered over TCP") && rest.contains("2  questions answered over UDP"),
        "{rest}"
    );
    assert_eq!(
        tokio::time::timeout(LONG, reflector.wait()).await.expect("it ends").expect("waited").code(),
        Some(0)
    );
}

#[tokio::test]
async fn wrong_usage_is_said_and_the_secret_is_not() {
    for (args, says) in [
        (vec!["--tcp", "443"], "there is no secret"),
        (vec!["--tcp", "443-"], "--tcp"),
        (vec![], "no port to listen on"),
        (vec!["--tcp", "443", "--secret-file", "/nowhere"], "/nowhere can't be read"),
    ] {
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_linewatch"))
            .arg("reflector")
            .args(&args)
            .env_remove("LINEWATCH_REFLECTOR_SECRET")
            .output()
            .await
            .expect("it ran");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(says), "{args:?}: {said}");
    }
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_linewatch"))
        .args(["reflector", "--tcp", "443"])
        .env("LINEWATCH_REFLECTOR_SECRET", "short-secret")
        .output()
        .await
        .expect("it ran");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("12 characters") && !said.contains("short-secret"), "{said}");
}
