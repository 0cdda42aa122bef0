//! The county's mail relay, asked by the mail client that linewatch uses.

use lettre::message::MultiPart;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use linewatch::world::loopback::servers::mail::MailServer;
use linewatch::world::loopback::tasks::Tasks;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn client(server: &MailServer) -> AsyncSmtpTransport<Tokio1Executor> {
    AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1").port(server.address().port()).build()
}

#[tokio::test]
async fn takes_what_lettre_sends_and_keeps_one_record_a_recipient() {
    let tasks = Tasks::default();
    let server = MailServer::start(&tasks).expect("a port");
    let mut news = server.news();
    let message = Message::builder()
        .from("linewatch <linewatch@icb.example>".parse().expect("sender"))
        .to("manager@surgery.example".parse().expect("recipient"))
        .to("desk@icb.example".parse().expect("recipient"))
        .message_id(Some("<2026-03-16-1.opened@linewatch>".to_owned()))
        .subject("The internet is down at St James’ Surgery")
        .multipart(MultiPart::alternative_plain_html(
            ".a line that begins with a dot\n.\nand goes on".to_owned(),
            "<p>The same</p>".to_owned(),
        ))
        .expect("a message");
    client(&server).send(message).await.expect("accepted");

    let mail = news.recv().await.expect("news of it");
    assert_eq!(mail.sender, "linewatch@icb.example");
    assert_eq!(mail.message_id, "<2026-03-16-1.opened@linewatch>");
    assert_eq!(mail.subject, "The internet is down at St James’ Surgery");
    assert!(mail.body().contains("\r\n.a line that begins with a dot\r\n.\r\nand goes on"), "{}", mail.text);
    let recipients: Vec<_> = server.accepted().iter().map(|mail| mail.recipient.clone()).collect();
    assert_eq!(recipients, ["manager@surgery.example", "desk@icb.example"]);
    tasks.stop().await;
}

/// A client that dies before the final dot sends the message again, so the half of it must not count.
#[tokio::test]
async fn accepts_nothing_before_the_final_dot_and_survives_nonsense() {
    let tasks = Tasks::default();
    let server = MailServer::start(&tasks).expect("a port");
    let mut stream = TcpStream::connect(server.address()).await.expect("connected");
    let long = "x".repeat(50_000);
    let script = format!(
        "MAIL FROM:<a@b.example>\r\nEHLO me\r\nDATA\r\nWHAT\r\n{long}\r\nMAIL FROM:<a@b.example>\r\n\
         RCPT TO:<c@d.example>\r\nDATA\r\nSubject: half\r\n"
    );
    stream.write_all(script.as_bytes()).await.expect("sent");
    stream.shutdown().await.expect("ended");
    let mut heard = String::new();
    stream.read_to_string(&mut heard).await.expect("answers");
    let codes: Vec<&str> = heard.lines().filter(|line| !line.starts_with("250-")).map(|l| &l[..3]).collect();
    assert_eq!(codes, ["220", "503", "250", "503", "502", "500", "250", "250", "354"]);
    assert_eq!(server.accepted(), []);
    tasks.stop().await;
}
