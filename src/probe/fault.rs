//! From an operating system's error to the contract's word for it, in one place: what is the target's doing, what
//! is the line's, and what is this machine's own.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use nix::errno::Errno;

use super::rule::Rule;
use crate::limits::PROBE_TEXT_CHARS_MAX;
use crate::observation::{Failure, Phase, harmless};

/// Why a check failed. The phase is the one under way, unless it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) failure: Failure,
    pub(super) phase: Option<Phase>,
    /// What it broke.
    pub(super) rule: Rule,
    pub(super) detail: String,
}

impl Fault {
    pub(super) fn new(failure: Failure, detail: impl AsRef<str>) -> Self {
        Self { failure, phase: None, rule: Rule::of(failure), detail: one_line(detail.as_ref()) }
    }

    pub(super) fn in_phase(mut self, phase: Phase) -> Self {
        self.phase = Some(phase);
        self
    }

    /// Says which rule it was, where the failure alone doesn't. What is this machine's own stays so.
    pub(super) fn by(mut self, rule: Rule) -> Self {
        if self.failure != Failure::Local {
            self.rule = rule;
        }
        self
    }

    /// Tells a person more, where there is room for it.
    pub(super) fn also(mut self, more: &str) -> Self {
        self.detail = one_line(&format!("{}; {more}", self.detail));
        self
    }

    /// This machine's own fault.
    pub(super) fn local(detail: impl AsRef<str>) -> Self {
        Self::new(Failure::Local, detail)
    }

    /// An error of a socket that was opened and bound. `what` is what was being done, such as
    /// `connecting to 192.0.2.1:443`.
    pub(super) fn io(error: &io::Error, what: &str) -> Self {
        let (failure, words) = judge(error);
        Self::new(failure, format!("{what}: {words}"))
    }

    /// An error of opening a socket, or of binding it to the practice's own address.
    pub(super) fn bind(error: &io::Error, source: Option<IpAddr>) -> Self {
        match (error.raw_os_error().map(Errno::from_raw), source) {
            (Some(Errno::EADDRNOTAVAIL), Some(source)) => Self::local(format!(
                "the source address {source} is not one of this machine's; add it to an interface, or correct `source`"
            )),
            _ => Self::local(format!("opening a socket: {}", judge(error).1)),
        }
    }

    /// That this process or this machine has no descriptor left: for who learns no more of an error than that there was one.
    pub(super) fn no_descriptors() -> Option<Self> {
        let error = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).err()?;
        let is_so = matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::EMFILE | Errno::ENFILE));
        is_so.then(|| Self::bind(&error, None))
    }

    /// The target and the source belong to different families of addresses.
    pub(super) fn families(target: IpAddr, source: IpAddr) -> Self {
        let family = |address: IpAddr| if address.is_ipv4() { "IPv4" } else { "IPv6" };
        Self::local(format!(
            "the target {target} is an {} address and the source {source} an {} address",
            family(target),
            family(source)
        ))
    }
}

/// The contract's word, and words for a person. What isn't known for the network's or the target's doing counts
/// as this machine's own: a false `local` asks for a look at one machine, a false `unreachable` convicts a line. Whether it
/// is this machine that has no way there, `way_out.rs` finds out: the number doesn't say.
fn judge(error: &io::Error) -> (Failure, String) {
    if let Some(tls) = inner::<rustls::Error>(error) {
        return (Failure::Tls, tls.to_string());
    }
    if let Some(errno) = error.raw_os_error().map(Errno::from_raw) {
        let failure = match errno {
            Errno::ECONNREFUSED | Errno::ENOPROTOOPT => Failure::Refused,
            Errno::ECONNRESET | Errno::ECONNABORTED | Errno::EPIPE => Failure::Reset,
            Errno::EHOSTUNREACH | Errno::ENETUNREACH | Errno::ENETDOWN | Errno::EHOSTDOWN | Errno::ENONET => {
                Failure::Unreachable
            }
            Errno::ETIMEDOUT => Failure::Timeout,
            Errno::EPROTO => Failure::Protocol,
            _ => Failure::Local,
        };
        let words = match errno {
            Errno::EMFILE => {
                "this process has no file descriptors left; raise LimitNOFILE or lower `concurrency`"
                    .to_owned()
            }
            Errno::ENFILE => "this machine has no file descriptors left; raise fs.file-max".to_owned(),
            Errno::EACCES | Errno::EPERM => {
                "this machine does not permit it; look at its own firewall and at the process's rights"
                    .to_owned()
            }
            Errno::EADDRNOTAVAIL | Errno::EADDRINUSE => {
                "this machine has no free port left on that source address".to_owned()
            }
            Errno::EAFNOSUPPORT => "this machine does not have that family of addresses".to_owned(),
            errno => errno.desc().to_lowercase(),
        };
        return (failure, words);
    }
    match error.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
            (Failure::Reset, "the other side hung up".to_owned())
        }
        ErrorKind::TimedOut => (Failure::Timeout, error.to_string()),
        ErrorKind::InvalidData => (Failure::Protocol, error.to_string()),
        _ => (Failure::Local, error.to_string()),
    }
}

/// The first error of type `E` in the chain of causes of an I/O error, itself included.
pub(super) fn inner<E: Error + 'static>(error: &io::Error) -> Option<&E> {
    let mut next: Option<&(dyn Error + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// A text from the network, made fit for a terminal, a page and a log line: no control characters (nor those that
/// turn the direction of writing), no more than [`PROBE_TEXT_CHARS_MAX`] characters.
pub(super) fn one_line(text: &str) -> String {
    let mut line: String = text.chars().take(PROBE_TEXT_CHARS_MAX).map(harmless).collect();
    if text.chars().nth(PROBE_TEXT_CHARS_MAX).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_errno_has_its_word() {
        for (errno, failure) in [
            (Errno::ECONNREFUSED, Failure::Refused),
            (Errno::ECONNRESET, Failure::Reset),
            (Errno::EHOSTUNREACH, Failure::Unreachable),
            (Errno::ENETUNREACH, Failure::Unreachable),
            (Errno::ETIMEDOUT, Failure::Timeout),
            (Errno::EADDRNOTAVAIL, Failure::Local),
            (Errno::EMFILE, Failure::Local),
            (Errno::ENFILE, Failure::Local),
            (Errno::EACCES, Failure::Local),
            (Errno::EPERM, Failure::Local),
            (Errno::EINVAL, Failure::Local),
        ] {
            let fault = Fault::io(&errno.into(), "connecting");
            assert_eq!(fault.failure, failure, "{errno}");
            assert!(fault.detail.starts_with("connecting: "), "{}", fault.detail);
        }
    }

    #[test]
    fn a_source_that_is_not_ours_says_how_to_mend_it() {
        let fault = Fault::bind(&Errno::EADDRNOTAVAIL.into(), Some(IpAddr::from([192, 0, 2, 7])));
        assert_eq!(fault.failure, Failure::Local);
        assert!(fault.detail.contains("192.0.2.7") && fault.detail.contains("`source`"), "{}", fault.detail);
    }

    #[test]
    fn a_tls_error_is_found_inside_an_io_error() {
        let error = io::Error::new(ErrorKind::InvalidData, rustls::Error::DecryptError);
        assert_eq!(Fault::io(&error, "reading").failure, Failure::Tls);
    }

    #[test]
    fn texts_from_the_network_become_one_plain_line() {
        assert_eq!(one_line("a\r\nb\u{1b}[31m\u{202e}c"), "a  b [31m c");
        let long = one_line(&"é".repeat(1000));
        assert_eq!(long.chars().count(), PROBE_TEXT_CHARS_MAX + 1);
    }
}
