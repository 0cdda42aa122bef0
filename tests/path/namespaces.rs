//! A practice, two routers and a target, each a network namespace of its own inside a user namespace of the test's. Nothing
//! that is sent there can leave: the namespaces are joined to each other and to nothing else.
//!
//!     client ─ 10.1.0.0/24 ─ r1 ─ 10.20.0.0/24 ─ r2 ─ 10.9.0.0/24 ─ target
//!         .2             .1    .1              .2    .1             .2
//!
//! and likewise 2001:db8:1::/64, 2001:db8:20::/64, 2001:db8:9::/64. No privilege is needed where the machine permits user
//! namespaces; the kernel is the routers.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

/// Set to anything, it leaves these tests out, on machines whose keeper permits no namespaces.
const LEFT_OUT: &str = "LINEWATCH_NO_NAMESPACES";

const SETUP: &str = r#"
mount -t tmpfs none /run
for ns in client r1 r2 target; do ip netns add "$ns"; done
at() { ns="$1"; shift; nsenter --net="/run/netns/$ns" -- "$@"; }

# cable LEFT RIGHT NET HOST HOST: joins two of them.
cable() {
    ip link add "to-$2" netns "$1" type veth peer name "to-$1" netns "$2"
    at "$1" ip address add "10.$3.0.$4/24" dev "to-$2"
    at "$2" ip address add "10.$3.0.$5/24" dev "to-$1"
    at "$1" ip address add "2001:db8:$3::$4/64" dev "to-$2" nodad
    at "$2" ip address add "2001:db8:$3::$5/64" dev "to-$1" nodad
    at "$1" ip link set "to-$2" up
    at "$2" ip link set "to-$1" up
}
for ns in client r1 r2 target; do
    at "$ns" ip link set lo up
    # A cable's other end may be up a moment later; addresses must be of use at once.
    at "$ns" sh -c 'echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad'
done
for ns in r1 r2; do
    at "$ns" sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'
done
cable client r1 1 2 1
cable r1 r2 20 1 2
cable r2 target 9 1 2
at client ip route add default via 10.1.0.1
at client ip -6 route add default via 2001:db8:1::1
at r1 ip route add 10.9.0.0/24 via 10.20.0.2
at r1 ip -6 route add 2001:db8:9::/64 via 2001:db8:20::2
at r2 ip route add 10.1.0.0/24 via 10.20.0.1
at r2 ip -6 route add 2001:db8:1::/64 via 2001:db8:20::1
at target ip route add default via 10.9.0.1
at target ip -6 route add default via 2001:db8:9::1
echo ready
# They are there for as long as the test holds the other end.
exec cat
"#;

/// The estate file: every kind of packet, and names for the two routers.
const ESTATE: &str = r#"
[icb]
code = "QKS"
name = "Test county"
timezone = "Europe/London"

[[component]]
id = "bt"
kind = "carrier"
name = "BT"
addresses = ["10.1.0.1", "2001:db8:1::1"]

[[component]]
id = "fw"
kind = "firewall"
name = "ICB internet firewall, Maidstone"
addresses = ["10.20.0.2/31", "2001:db8:20::2"]

[[network]]
id = "internet"
name = "the internet"
through = ["carrier", "firewall"]

[[practice]]
ods = "G82002"
name = "St James' Surgery"
source = "10.1.0.2"
via = { carrier = "bt", firewall = "fw" }
"#;

/// A program that is stopped when it is dropped.
pub struct Running {
    child: Child,
    /// Kept open: whoever prints to nobody dies of it.
    _stdout: BufReader<ChildStdout>,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The namespaces, until it is dropped.
pub struct County {
    holder: Child,
    /// Closing it ends them.
    line: Option<ChildStdin>,
    folder: tempfile::TempDir,
}

impl County {
    /// `None`: these tests are left out on purpose.
    pub fn new() -> Option<Self> {
        if std::env::var_os(LEFT_OUT).is_some() {
            eprintln!("NOT TESTED: paths through real routers, because {LEFT_OUT} is set");
            return None;
        }
        let mut holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--net", "--mount", "sh", "-euc", SETUP])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`unshare` is there (Debian: util-linux)");
        let line = holder.stdin.take();
        let mut said = String::new();
        let stdout = holder.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut said).expect("a line or the end");
        let folder = tempfile::tempdir().expect("a folder");
        let county = Self { holder, line, folder };
        assert_eq!(
            said.trim_end(),
            "ready",
            "no network namespaces could be made (see above). These tests need `ip` (Debian: iproute2) and user \
             namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone; in a container \
             --security-opt seccomp=unconfined). Where they can't be had, {LEFT_OUT}=1 leaves these tests out."
        );
        Some(county)
    }

    /// Writes the estate file with these probes.
    pub fn estate(&self, probes: &str) -> PathBuf {
        let file = self.folder.path().join("probes.toml");
        std::fs::write(&file, format!("{ESTATE}{probes}")).expect("written");
        file
    }

    /// A command inside one of them.
    pub fn command(&self, at: &str, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &self.holder.id().to_string(), "--user", "--mount", "--preserve-credentials"])
            .args(["nsenter", &format!("--net=/run/netns/{at}"), "--", program]);
        command
    }

    /// Runs `ip` inside one of them.
    pub fn ip(&self, at: &str, words: &str) {
        let output = self.command(at, "ip").args(words.split(' ')).output().expect("it ran");
        assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Lets the machine's resolver ask this server alone.
    pub fn name_server(&self, address: &str) {
        let file = self.folder.path().join("resolv.conf");
        std::fs::write(&file, format!("nameserver {address}\n")).expect("written");
        let mounted =
            self.command("client", "mount").arg("--bind").arg(file).arg("/etc/resolv.conf").output();
        let output = mounted.expect("it ran");
        assert!(output.status.success(), "mount: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs `linewatch` at the client.
    pub fn linewatch(&self, words: &[&str]) -> (Option<i32>, String) {
        let file = self.folder.path().join("probes.toml");
        let Output { status, stdout, stderr } = self
            .command("client", env!("CARGO_BIN_EXE_linewatch"))
            .args(words)
            .arg("--config")
            .arg(file)
            .output()
            .expect("it ran");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (status.code(), text(stdout) + &text(stderr))
    }

    /// Starts `linewatch run` at the client, and waits until it serves its page.
    pub fn run(&self) -> Running {
        let file = self.folder.path().join("probes.toml");
        self.start("client", &["run", "--config", &file.to_string_lossy()])
    }

    /// Starts `linewatch reflector` at the target, whose secret lies beside the estate file, and waits until it listens.
    pub fn reflector(&self, tcp: &str, udp: &str) -> Running {
        let secret = self.folder.path().join("secret");
        std::fs::write(&secret, "a secret of a test, and long enough\n").expect("written");
        let secret = secret.to_string_lossy();
        self.start("target", &["reflector", "--tcp", tcp, "--udp", udp, "--secret-file", &secret])
    }

    /// Starts `linewatch` in one of them, and waits for its first line.
    fn start(&self, at: &str, words: &[&str]) -> Running {
        let mut child = self
            .command(at, env!("CARGO_BIN_EXE_linewatch"))
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it ran");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut said = String::new();
        stdout.read_line(&mut said).expect("a line or the end");
        let running = Running { child, _stdout: stdout };
        assert!(!said.is_empty(), "it ended at once");
        running
    }

    /// `linewatch probe ID --json`.
    pub fn observed(&self, probe: &str) -> serde_json::Value {
        let (_, said) = self.linewatch(&["probe", probe, "--json", "--practice", "G82002"]);
        serde_json::from_str::<serde_json::Value>(&said).expect(&said)["observation"].take()
    }

    /// `linewatch probe ID --json`, its `path`, and whether the check is fine.
    pub fn path_of(&self, probe: &str) -> (bool, serde_json::Value) {
        let (_, said) = self.linewatch(&["probe", probe, "--path", "--json", "--practice", "G82002"]);
        let object: serde_json::Value = serde_json::from_str(&said).expect(&said);
        (object["observation"]["ok"] == true, object["path"].clone())
    }
}

impl Drop for County {
    fn drop(&mut self) {
        drop(self.line.take());
        // It ends by itself; what is left to do is to take note of it.
        drop(self.holder.wait());
    }
}
