//! The commands themselves, as a service manager and an operator run them.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn linewatch(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linewatch"));
    command.args(args).stdin(Stdio::null()).env_remove("LINEWATCH_URL").env("RUST_LOG", "error");
    command
}

fn output(args: &[&str]) -> Output {
    linewatch(args).output().unwrap()
}

/// A configuration whose targets are a listener of the test's own.
fn write_config(folder: &Path, target: &TcpListener, more: &str) -> String {
    let target = target.local_addr().unwrap();
    let text = format!(
        r#"
[icb]
code = "QKS"
name = "NHS Kent and Medway"
timezone = "Europe/London"
[hub]
listen = "127.0.0.1:0"
[[network]]
id = "internet"
name = "the internet"
through = []
[[probe]]
id = "web"
kind = "tcp"
network = "internet"
target = "{target}"
every = "1s"
timeout = "1s"
[[practice]]
ods = "G82002"
name = "St James'"
source = "127.1.0.2"
{more}"#
    );
    let file = folder.join("probes.toml");
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

/// A child that doesn't outlive its test.
struct Started(Child);

impl Started {
    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), signal).unwrap();
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It has ended already, in a test that went well.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn run_starts_reloads_on_sighup_and_stops_in_good_order() {
    let folder = tempfile::tempdir().unwrap();
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = write_config(folder.path(), &target, "");
    let mut started = Started(
        linewatch(&["run", "--config", &file]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap(),
    );
    let mut lines = BufReader::new(started.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let page = lines.find(|line| line.starts_with("page and API: ")).expect("it says where the page is");
    let url = page.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
    let status = output(&["status", "--url", &url]);
    assert_eq!(status.status.code(), Some(0), "{}", String::from_utf8_lossy(&status.stderr));
    let json = output(&["status", "--json", "--url", &url]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["practices"]["total"], 1);

    let more = "[[practice]]\nods = \"G82003\"\nname = \"Another\"\n";
    write_config(folder.path(), &target, more);
    started.signal(Signal::SIGHUP);
    let told = lines.find(|line| line.starts_with("configuration reloaded")).unwrap();
    assert_eq!(told, "configuration reloaded: 2 practices, 1 probes");

    write_config(folder.path(), &target, "nonsense");
    started.signal(Signal::SIGHUP);
    let mut errors = BufReader::new(started.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(errors.any(|line| line.contains("was not reloaded; the one before is still used")));
    let json = output(&["status", "--json", "--url", &url]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["practices"]["total"], 2, "the one before the broken one");

    started.signal(Signal::SIGTERM);
    assert_eq!(started.0.wait().unwrap().code(), Some(0));
}

#[test]
fn run_refuses_by_name_what_is_not_built_before_it_touches_anything() {
    let folder = tempfile::tempdir().unwrap();
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let imap = "[[probe]]\nid = \"phones\"\nkind = \"imap\"\nnetwork = \"internet\"\n\
               target = \"127.0.0.1:5060\"\nevery = \"30s\"\ntimeout = \"5s\"\n";
    let file = write_config(folder.path(), &target, imap);
    let refused = output(&["run", "--config", &file]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains(&file) && said.contains("phones (imap)"), "{said}");
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["probes.toml"], "nothing was written");
}

#[test]
fn run_does_not_start_on_a_broken_file_or_a_port_that_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = write_config(folder.path(), &target, "nonsense");
    let broken = output(&["run", "--config", &file]);
    assert_eq!(broken.status.code(), Some(2));
    assert!(String::from_utf8(broken.stderr).unwrap().contains("probes.toml:"));

    let file = write_config(folder.path(), &target, "");
    let taken = target.local_addr().unwrap().to_string();
    let busy = output(&["run", "--config", &file, "--listen", &taken]);
    assert_eq!(busy.status.code(), Some(3));
    let said = String::from_utf8(busy.stderr).unwrap();
    assert!(said.contains(&taken) && said.contains("[hub] listen"), "{said}");
}

#[test]
fn a_status_that_cannot_be_asked_exits_with_three_and_says_where_it_asked() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let asked = output(&["status", "--url", &format!("http://{gone}")]);
    assert_eq!(asked.status.code(), Some(3));
    let said = String::from_utf8(asked.stderr).unwrap();
    assert!(said.contains(&gone.to_string()) && said.contains("linewatch run"), "{said}");
    assert!(asked.stdout.is_empty());
    assert_eq!(output(&["status", "--url", "ftp://somewhere"]).status.code(), Some(3));
    assert_eq!(output(&["why"]).status.code(), Some(2), "wrong usage");
}

#[test]
fn somebody_else_on_the_port_is_not_taken_for_linewatch() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", other.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        use std::io::Write as _;
        let (mut stream, _) = other.accept().unwrap();
        let mut request = [0; 1024];
        let _read = stream.read(&mut request).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello").unwrap();
    });
    let asked = output(&["status", "--url", &url]);
    answering.join().unwrap();
    assert_eq!(asked.status.code(), Some(3));
    assert!(String::from_utf8(asked.stderr).unwrap().contains("not linewatch's"));
}
