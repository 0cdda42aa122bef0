//! Why a certificate isn't trusted, in a person's words: for checks, and for whoever asks a hub.

use std::error::Error as StdError;

use rustls::{CertificateError, Error as TlsError};

/// What is wrong, as the end of a sentence: "its certificate is for another name". `issuer`: who issued it, where that was seen.
pub fn words(why: &CertificateError, issuer: Option<&str>) -> String {
    let words = match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "a certificate of its chain has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "a certificate of its chain is not valid yet; if it should be, look at this machine's clock"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name"
        }
        CertificateError::UnknownIssuer => {
            let issuer = issuer.unwrap_or("an issuer");
            return format!("its certificate comes from {issuer}, which is not trusted here");
        }
        // Somebody's root that bears the name of one that is trusted, without its key.
        CertificateError::BadSignature => "its certificate was not signed by the issuer that it names",
        CertificateError::Revoked => "its certificate was revoked",
        CertificateError::BadEncoding => "its certificate can't be read",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not for servers (extendedKeyUsage names no serverAuth)"
        }
        CertificateError::Other(other) => match other.0.downcast_ref() {
            Some(why) => return of_chain(why),
            None => return other.0.to_string(),
        },
        other => return other.to_string(),
    };
    words.to_owned()
}

/// What rustls has no word of its own for.
fn of_chain(why: &webpki::Error) -> String {
    let words = match why {
        webpki::Error::CaUsedAsEndEntity => {
            "its certificate is a certificate authority's own (basicConstraints CA:TRUE), which doesn't count as a server's: \
             it needs one that the authority issued for it, or one made with CA:FALSE"
        }
        webpki::Error::EndEntityUsedAsCa => {
            "its certificate was issued by one that may issue none (basicConstraints CA:FALSE)"
        }
        webpki::Error::UnsupportedCertVersion => {
            "a certificate of its chain is older than X.509 version 3, and doesn't count any more"
        }
        webpki::Error::NameConstraintViolation => "its issuer may not issue certificates for that name",
        webpki::Error::PathLenConstraintViolated => "its chain is longer than an issuer in it allows",
        webpki::Error::UnsupportedCriticalExtension => {
            "a certificate of its chain makes a condition that isn't known here"
        }
        other => return format!("its chain can't be followed: {other}"),
    };
    words.to_owned()
}

/// How deep an error is looked into. A connection that isn't made brings one of TLS within two of `io`, within two of the client's.
const DEPTH_MAX: usize = 32;

/// The same of an error that may have one of TLS in it, at whatever depth up to [`DEPTH_MAX`].
pub fn in_error(error: &(dyn StdError + 'static)) -> Option<String> {
    std::iter::successors(Some(error), |error| below(*error)).take(DEPTH_MAX).find_map(|error| {
        match error.downcast_ref() {
            Some(TlsError::InvalidCertificate(why)) => Some(words(why, None)),
            _ => None,
        }
    })
}

/// What an error comes from. Of one of `io` that is what stands in it: its `source` passes that over.
fn below<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(within) => Some(within),
        None => error.source(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::OtherError;

    use super::*;

    #[test]
    fn nothing_is_told_as_a_programmer_would_read_it() {
        let other = |why| CertificateError::Other(OtherError(Arc::new(why)));
        for why in [
            CertificateError::BadEncoding,
            CertificateError::InvalidPurpose,
            CertificateError::UnknownIssuer,
            other(webpki::Error::CaUsedAsEndEntity),
            other(webpki::Error::EndEntityUsedAsCa),
            other(webpki::Error::UnsupportedCertVersion),
            other(webpki::Error::NameConstraintViolation),
            other(webpki::Error::PathLenConstraintViolated),
            other(webpki::Error::UnsupportedCriticalExtension),
        ] {
            let words = words(&why, None);
            assert!(!words.contains("Error") && !words.contains("Other"), "{words}");
        }
    }

    #[test]
    fn one_that_stands_within_others_is_found() {
        let revoked = || TlsError::InvalidCertificate(CertificateError::Revoked);
        let within = |depth: usize| {
            (0..depth).fold(std::io::Error::other(revoked()), |error, _| std::io::Error::other(error))
        };
        // As it comes from the server's side of a connection; and as a client's connector wraps it once more.
        for depth in [0, 1, 5] {
            assert_eq!(in_error(&within(depth)).as_deref(), Some("its certificate was revoked"), "{depth}");
        }
        assert_eq!(in_error(&revoked()).as_deref(), Some("its certificate was revoked"));
        assert_eq!(in_error(&within(DEPTH_MAX)), None, "somewhere it ends");
        assert_eq!(in_error(&std::io::Error::other("no TLS")), None);
    }
}
