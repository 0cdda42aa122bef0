//! A mail server for tests: it speaks SMTP over real sockets, keeps what it took, and misbehaves as it is told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::estate::DEADLINE;

/// A mail that the server took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    pub to: String,
    pub data: String,
    /// It came over TLS.
    pub secure: bool,
}

/// Where a conversation stands when the server is asked what to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    Greeting,
    SignIn,
    MailFrom,
    To(&'a str),
    /// The whole mail is there, and is kept unless the server refuses it.
    Body(&'a str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Fine,
    /// Instead of yes.
    Say(&'static str),
    /// Nothing, for ever.
    Silence,
    /// Takes the mail, and then says nothing: the client can't know.
    TakeInSilence,
    HangUp,
}

type Manner = Arc<dyn Fn(Step<'_>) -> Answer + Send + Sync>;

pub struct Relay {
    pub address: SocketAddr,
    mails: mpsc::UnboundedReceiver<Mail>,
    accepting: JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[derive(Clone)]
struct Manners {
    manner: Manner,
    /// Nobody is greeted before this is true.
    open: watch::Receiver<bool>,
    starttls: Option<TlsAcceptor>,
}

impl Relay {
    /// One that takes everything.
    pub async fn kind() -> Self {
        Self::start(|_| Answer::Fine).await
    }

    pub async fn start(manner: impl Fn(Step<'_>) -> Answer + Send + Sync + 'static) -> Self {
        Self::listen(manner, None, None).await
    }

    /// One that greets nobody until the sender says true.
    pub async fn closed(
        manner: impl Fn(Step<'_>) -> Answer + Send + Sync + 'static,
    ) -> (Self, watch::Sender<bool>) {
        let (open, opened) = watch::channel(false);
        (Self::listen(manner, Some(opened), None).await, open)
    }

    /// One that offers STARTTLS.
    pub async fn secure(tls: TlsAcceptor) -> Self {
        Self::listen(|_| Answer::Fine, None, Some(tls)).await
    }

    async fn listen(
        manner: impl Fn(Step<'_>) -> Answer + Send + Sync + 'static,
        open: Option<watch::Receiver<bool>>,
        starttls: Option<TlsAcceptor>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (took, mails) = mpsc::unbounded_channel();
        let manners = Manners {
            manner: Arc::new(manner),
            open: open.unwrap_or_else(|| watch::channel(true).1),
            starttls,
        };
        let accepting = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (manners, took) = (manners.clone(), took.clone());
                tokio::spawn(async move { drop(greet(socket, manners, took).await) });
            }
        });
        Self { address, mails, accepting }
    }

    /// The next mail that the server took.
    pub async fn next(&mut self) -> Mail {
        tokio::time::timeout(DEADLINE, self.mails.recv())
            .await
            .expect("a mail before the deadline")
            .expect("the server lives")
    }

    pub async fn take(&mut self, count: usize) -> Vec<Mail> {
        let mut mails = Vec::new();
        for _ in 0..count {
            mails.push(self.next().await);
        }
        mails
    }

    /// What else it took, without waiting.
    pub fn rest(&mut self) -> Vec<Mail> {
        std::iter::from_fn(|| self.mails.try_recv().ok()).collect()
    }
}

async fn greet(
    socket: TcpStream,
    mut manners: Manners,
    took: mpsc::UnboundedSender<Mail>,
) -> std::io::Result<()> {
    if manners.open.wait_for(|open| *open).await.is_err() && !*manners.open.borrow() {
        return Ok(());
    }
    let mut plain = BufReader::new(socket);
    if !say(&mut plain, (manners.manner)(Step::Greeting), "220 relay.example ESMTP").await? {
        return Ok(());
    }
    if !talk(&mut plain, &manners, &took, false).await? {
        return Ok(());
    }
    let Some(tls) = manners.starttls.take() else { return Ok(()) };
    let mut secure = BufReader::new(tls.accept(plain.into_inner()).await?);
    talk(&mut secure, &manners, &took, true).await.map(drop)
}

/// One conversation. True when the client wants to go on over TLS.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    manners: &Manners,
    took: &mpsc::UnboundedSender<Mail>,
    secure: bool,
) -> std::io::Result<bool> {
    let mut to = String::new();
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(false);
        }
        let upper = line.to_uppercase();
        let go_on = if upper.starts_with("EHLO") {
            if manners.starttls.is_some() && !secure {
                line_out(stream, "250-relay.example").await?;
                line_out(stream, "250 STARTTLS").await?;
            } else {
                line_out(stream, "250-relay.example").await?;
                line_out(stream, "250 AUTH PLAIN LOGIN").await?;
            }
            true
        } else if upper.starts_with("STARTTLS") {
            line_out(stream, "220 go on").await?;
            return Ok(true);
        } else if upper.starts_with("AUTH") {
            say(stream, (manners.manner)(Step::SignIn), "235 welcome").await?
        } else if upper.starts_with("MAIL FROM") {
            say(stream, (manners.manner)(Step::MailFrom), "250 yes").await?
        } else if upper.starts_with("RCPT TO") {
            to = line.trim()["RCPT TO:".len()..].trim_matches(['<', '>', ' ']).to_owned();
            say(stream, (manners.manner)(Step::To(&to)), "250 yes").await?
        } else if upper.starts_with("DATA") {
            line_out(stream, "354 go on").await?;
            let data = body(stream).await?;
            let answer = (manners.manner)(Step::Body(&data));
            if matches!(answer, Answer::Fine | Answer::TakeInSilence) {
                drop(took.send(Mail { to: to.clone(), data, secure }));
            }
            say(stream, answer, "250 taken").await?
        } else if upper.starts_with("QUIT") {
            line_out(stream, "221 bye").await?;
            false
        } else {
            line_out(stream, "250 yes").await?;
            true
        };
        if !go_on {
            return Ok(false);
        }
    }
}

async fn body<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> std::io::Result<String> {
    let mut data = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == ".\r\n" {
            return Ok(data);
        }
        data.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}

/// False when the conversation is over.
async fn say<S: AsyncWrite + Unpin>(stream: &mut S, answer: Answer, yes: &str) -> std::io::Result<bool> {
    match answer {
        Answer::Fine => line_out(stream, yes).await.map(|()| true),
        Answer::Say(words) => line_out(stream, words).await.map(|()| true),
        Answer::Silence | Answer::TakeInSilence => std::future::pending().await,
        Answer::HangUp => Ok(false),
    }
}

async fn line_out<S: AsyncWrite + Unpin>(stream: &mut S, line: &str) -> std::io::Result<()> {
    stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    stream.flush().await
}

impl Mail {
    /// A header, unfolded, as it stands on the wire.
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.data.split("\r\n\r\n").next()?.replace("\r\n ", " ").replace("\r\n\t", " ");
        head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned))
    }

    pub fn message_id(&self) -> String {
        self.header("Message-ID").expect("every mail has one")
    }
}

/// How often each mail came, by recipient and `Message-ID`.
pub fn counted(mails: &[Mail]) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    for mail in mails {
        *counts.entry((mail.to.clone(), mail.message_id())).or_default() += 1;
    }
    counts
}
