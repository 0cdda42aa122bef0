//! The desk against a mail server that others use: Debian's Exim, with a configuration, a spool and mailboxes in a folder of this test.
//! It runs as whoever runs the test, and hears on loopback alone: for each connection one `exim4 -bs`, as inetd would start it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use linewatch::incident::Event;
use linewatch::notify::words::texts::Texts;
use linewatch::notify::words::{Context, Letter, letter};
use linewatch::notify::{Audience, Desk, Notice, Outcome};
use linewatch::store::Store;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::estate::{config, impatient, manager, next, now, opened, resolved};

const EXIM: &str = "/usr/sbin/exim4";

/// What every Exim of a test is told.
const HEAD: &str = r"
primary_hostname = mail.example
spool_directory = DIR/spool
log_file_path = DIR/log/%slog
keep_environment =
deliver_drop_privilege = true
tls_advertise_hosts =
host_lookup =
rfc1413_query_timeout = 0s
acl_smtp_rcpt = recipient
acl_smtp_data = accept
";

/// Mailboxes for some domains; one whose first attempt is put off, and one that has none.
const RULES: &str = r"
begin acl
recipient:
  deny domains = p3.example
       message = 5.1.1 no such mailbox here
  defer domains = p1.example
        condition = ${if exists{DIR/seen/greylisted}{no}{yes}}
        set acl_m0 = ${run{/usr/bin/touch DIR/seen/greylisted}}
        message = 4.2.0 greylisted: come back later
  accept
begin routers
mailbox:
  driver = accept
  transport = maildir
begin transports
maildir:
  driver = appendfile
  directory = DIR/mail/${if eq{$domain}{p0.example}{p0}{${if eq{$domain}{p1.example}{p1}{${if eq{$domain}{p2.example}{p2}{icb}}}}}}
  maildir_format
  create_directory
";

pub struct Exim {
    dir: tempfile::TempDir,
    pub address: SocketAddr,
    stop: CancellationToken,
    listening: JoinHandle<JoinSet<()>>,
}

impl Exim {
    /// `rules`: its access lists, routers and transports; `DIR` in them is its folder.
    pub async fn start(rules: &str) -> Self {
        assert!(Path::new(EXIM).exists(), "there is no {EXIM}: apt-get install exim4-daemon-light");
        let dir = tempfile::tempdir().expect("a folder");
        let text = format!("{HEAD}{rules}").replace("DIR", &dir.path().display().to_string());
        let rules = dir.path().join("exim.conf");
        for folder in ["spool", "mail", "seen", "log"] {
            std::fs::create_dir(dir.path().join(folder)).expect("a folder");
        }
        let me = std::fs::metadata(dir.path()).expect("a folder");
        let (user, group) = if me.uid() == 0 {
            // Exim delivers nothing as root: its own user does, and must be able to get there.
            let all = ["spool", "mail", "seen", "log"].map(|folder| dir.path().join(folder));
            let given = Command::new("chown").arg("Debian-exim").args(all).status().await.expect("chown");
            assert!(given.success());
            let open = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(dir.path(), open).expect("allowed");
            ("Debian-exim".to_owned(), "Debian-exim".to_owned())
        } else {
            (me.uid().to_string(), me.gid().to_string())
        };
        let text = format!("exim_user = {user}\nexim_group = {group}\n{text}");
        std::fs::write(&rules, text).expect("a file");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        let listening = tokio::spawn(listen(listener, rules, stop.clone()));
        Self { dir, address, stop, listening }
    }

    /// In which its spool, its mailboxes and what its rules name are.
    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// Tries once more what it keeps; comes back when that is done.
    pub async fn run_queue(&self) {
        let rules = self.dir.path().join("exim.conf");
        let done = Command::new(EXIM).arg("-C").arg(rules).arg("-qff").status().await.expect("exim runs");
        assert!(done.success(), "{done}");
    }

    /// Waits until each conversation has ended, and with it the delivery of what came in; gives its folder.
    pub async fn end(self) -> tempfile::TempDir {
        self.stop.cancel();
        let mut conversations = self.listening.await.expect("it ends");
        while let Some(ended) = conversations.join_next().await {
            ended.expect("a conversation");
        }
        self.dir
    }

    /// What lies in the mailboxes of its folder.
    pub fn mailboxes(folder: &Path) -> BTreeMap<String, Vec<Mail>> {
        let mut boxes = BTreeMap::new();
        for folder in std::fs::read_dir(folder.join("mail")).expect("mailboxes") {
            let folder = folder.expect("a mailbox");
            let new = std::fs::read_dir(folder.path().join("new")).expect("a maildir");
            let mails = new.map(|mail| Mail::read(&mail.expect("a mail").path())).collect();
            boxes.insert(folder.file_name().into_string().expect("a name"), mails);
        }
        boxes
    }
}

async fn listen(listener: TcpListener, rules: PathBuf, stop: CancellationToken) -> JoinSet<()> {
    let mut conversations = JoinSet::new();
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return conversations,
            accepted = listener.accept() => accepted.expect("a connection").0,
        };
        // In the foreground: when it ends, what it took is in the mailboxes. Through pipes: to a socket it speaks for root alone.
        let mut exim = Command::new(EXIM)
            .arg("-C")
            .arg(&rules)
            .args(["-bs", "-odf"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("exim starts");
        let (mut from, mut to) = stream.into_split();
        let (mut heard, mut said) = (exim.stdin.take().expect("a pipe"), exim.stdout.take().expect("a pipe"));
        conversations.spawn(async move {
            // Either side may hang up first: the other hears of it by the end of its stream.
            let asked = async move { drop(tokio::io::copy(&mut from, &mut heard).await) };
            let answered = async move { drop(tokio::io::copy(&mut said, &mut to).await) };
            tokio::join!(asked, answered);
            exim.wait().await.expect("it ends");
        });
    }
}

/// A mail as it lies in a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    head: String,
    /// Each part's type, and its content as a reader sees it.
    parts: Vec<(String, String)>,
}

impl Mail {
    fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).expect("a mail").replace("\r\n", "\n");
        let (head, body) = text.split_once("\n\n").expect("a head and a body");
        // A header goes on in lines that begin with a space.
        let head = head.replace("\n ", " ").replace("\n\t", " ");
        let boundary = head.split("boundary=\"").nth(1).and_then(|rest| rest.split('"').next());
        let boundary = format!("--{}", boundary.expect("several parts"));
        // The last boundary has two dashes more; nothing follows that is read.
        let parts = body.split(&boundary).filter(|part| !part.starts_with("--"));
        let parts = parts.filter_map(|part| part.trim_start_matches('\n').split_once("\n\n"));
        let parts = parts.map(|(head, content)| {
            let header = |name: &str| {
                head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
            };
            let content = content.strip_suffix('\n').unwrap_or(content);
            let content = match header("Content-Transfer-Encoding:").as_str() {
                "quoted-printable" => unquoted(content),
                "7bit" | "8bit" => content.to_owned(),
                other => panic!("not decoded here: {other}"),
            };
            (header("Content-Type:"), content)
        });
        Self { parts: parts.collect(), head }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&prefix))
    }
}

/// RFC 2045, section 6.7, backwards.
fn unquoted(text: &str) -> String {
    let joined = text.replace("=\n", "");
    let mut bytes = Vec::with_capacity(joined.len());
    let mut rest = joined.as_str();
    while let Some((plain, quoted)) = rest.split_once('=') {
        bytes.extend_from_slice(plain.as_bytes());
        bytes.push(u8::from_str_radix(&quoted[..2], 16).expect("two digits"));
        rest = &quoted[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).expect("UTF-8").replace("\r\n", "\n")
}

/// What the recipient was to read.
fn written(notice: &Notice, event: &Event, earlier: &[Event], config: &linewatch::config::Config) -> Letter {
    let open: Vec<Arc<Event>> = if earlier.is_empty() { vec![Arc::new(event.clone())] } else { Vec::new() };
    let context = Context {
        estate: &config.estate,
        event,
        earlier,
        last_told: None,
        told_again: false,
        fixes: &[],
        open: &open,
        staff_told: true,
        awaits_approval: false,
        refused: &[],
        next: None,
        deadlines: &[],
        hands: None,
        link: None,
    };
    letter(notice, &context, &Texts::shipped()).expect("a letter")
}

#[tokio::test]
#[ignore = "needs exim4-daemon-light: .ci/run installs it and runs this"]
async fn everybody_gets_each_letter_once_whole_and_in_its_thread() {
    let exim = Exim::start(RULES).await;
    let config = config(4, exim.address);
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    let desk = Desk::start_with(&config, store.clone(), CancellationToken::new(), impatient()).await;
    let mut deliveries = desk.deliveries();
    let (event, mut put_off, mut refused) = (opened(4), Vec::new(), Vec::new());
    let over = resolved(&event);
    // Three managers and the desk are told twice; the fourth manager has no mailbox, and isn't told of an end of nothing.
    for (what, accepted) in [(&event, 4), (&over, 4)] {
        desk.tell(what).await;
        let mut done = 0;
        while done < accepted + usize::from(refused.is_empty()) {
            let delivery = next(&mut deliveries).await;
            match delivery.outcome {
                Outcome::Accepted => done += 1,
                Outcome::Deferred { why } => put_off.push((delivery.audience, why)),
                Outcome::Rejected { why } => refused.push((delivery.audience, why)),
                Outcome::Withheld { why } => panic!("{why}"),
            }
            if !refused.is_empty() && done == accepted {
                break;
            }
        }
    }
    desk.stop().await;
    let [(whom, why)] = put_off.as_slice() else { panic!("one was put off, once: {put_off:?}") };
    assert_eq!(whom, &Audience::Practices(vec!["P1".to_owned()]));
    assert!(why.contains("greylisted"), "{why}");
    let [(whom, why)] = refused.as_slice() else { panic!("one was refused: {refused:?}") };
    assert_eq!(whom, &Audience::Practices(vec!["P3".to_owned()]));
    assert!(why.contains("no such mailbox"), "{why}");
    let against = store.refusals(now()).await.expect("an answer");
    let [row] = against.as_slice() else { panic!("recorded against the recipient: {against:?}") };
    assert_eq!((row.recipient.as_str(), row.refused), (manager(3).as_str(), 1));
    assert!(row.answer.contains("5.1.1"), "{}", row.answer);

    let fates = store.fates(None, true).await.expect("an answer");
    let folder = exim.end().await;
    let boxes = Exim::mailboxes(folder.path());
    assert_eq!(boxes.keys().collect::<Vec<_>>(), ["icb", "p0", "p1", "p2"]);
    let key = store.link_key().expect("a store on disk has one");
    for (name, mails) in &boxes {
        let ids: BTreeSet<_> = mails.iter().map(|mail| mail.header("Message-ID").expect("one")).collect();
        assert_eq!((mails.len(), ids.len()), (2, 2), "{name}: each letter once");
        for mail in mails {
            let id = mail.header("Message-ID").expect("one").trim_matches(['<', '>']);
            let fate = fates.iter().find(|fate| key.notice_of(id) == Some(&fate.notice.id));
            let notice = &fate.expect("a notice of that id").notice;
            let thread = notice.thread.as_ref().map(|first| key.message_id(first, "icb.example"));
            assert_eq!(mail.header("In-Reply-To"), thread.as_deref(), "{name}");
            assert_eq!(mail.header("References"), thread.as_deref(), "{name}");
            assert!(thread.is_none_or(|first| ids.contains(first.as_str())), "{name}: its thread is there");
            let (told, earlier) =
                if notice.thread.is_some() { (&over, vec![event.clone()]) } else { (&event, Vec::new()) };
            let letter = written(notice, told, &earlier, &config);
            let [(text_type, text), (html_type, html)] = mail.parts.as_slice() else {
                panic!("two parts: {mail:?}")
            };
            assert!(text_type.starts_with("text/plain") && html_type.starts_with("text/html"), "{mail:?}");
            assert_eq!(text.trim_end(), letter.text.trim_end(), "{name}");
            assert_eq!(html.trim_end(), letter.html.trim_end(), "{name}");
        }
    }
}
