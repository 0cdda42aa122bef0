//! STARTTLS: upgraded to a certificate that is trusted, or nothing is sent.

use std::sync::Arc;

use linewatch::config::{Config, MailSecurity};
use linewatch::notify::{Desk, Outcome, RelayHealth};
use linewatch::store::Store;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_util::sync::CancellationToken;

use crate::estate::{config, failing, impatient, next, opened, with_mail};
use crate::relay::Relay;

/// A server's TLS for `localhost`, and the PEM that makes one trust it.
fn certificate() -> (TlsAcceptor, String) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a server");
    (TlsAcceptor::from(Arc::new(server)), cert.pem())
}

async fn desk(config: &Config) -> (Desk, TempDir) {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    (Desk::start_with(config, store, CancellationToken::new(), impatient()).await, dir)
}

fn starttls(relay: &Relay, trust_pem: Option<String>) -> Config {
    with_mail(config(1, relay.address), |mail| {
        let relay = &mut mail.relays[0];
        "localhost".clone_into(&mut relay.host);
        relay.security = MailSecurity::StartTls;
        relay.trust_pem = trust_pem;
    })
}

#[tokio::test]
async fn a_trusted_mail_server_gets_everything_over_tls() {
    let (tls, pem) = certificate();
    let mut relay = Relay::secure(tls).await;
    let (desk, _dir) = desk(&starttls(&relay, Some(pem))).await;
    let mut deliveries = desk.deliveries();
    desk.tell(&opened(1)).await;
    assert_eq!(next(&mut deliveries).await.outcome, Outcome::Accepted);
    assert!(relay.take(2).await.iter().all(|mail| mail.secure));
}

#[tokio::test]
async fn a_mail_server_that_offers_no_tls_gets_nothing() {
    let (_, pem) = certificate();
    let mut relay = Relay::kind().await;
    let (desk, _dir) = desk(&starttls(&relay, Some(pem))).await;
    desk.tell(&opened(1)).await;
    let why = failing(&desk).await;
    assert!(why.contains("does not offer STARTTLS"), "{why}");
    desk.stop().await;
    assert_eq!(relay.rest(), []);
}

#[tokio::test]
async fn a_mail_server_with_a_strange_certificate_gets_nothing() {
    let ((tls, _), (_, other_pem)) = (certificate(), certificate());
    let mut relay = Relay::secure(tls).await;
    let (desk, _dir) = desk(&starttls(&relay, Some(other_pem))).await;
    desk.tell(&opened(1)).await;
    let why = failing(&desk).await;
    assert!(why.contains("STARTTLS") && why.to_lowercase().contains("certificate"), "{why}");
    desk.stop().await;
    assert_eq!(relay.rest(), []);
}

#[tokio::test]
async fn a_mail_section_that_cannot_be_used_keeps_the_notices_and_says_so() {
    let mut relay = Relay::kind().await;
    let broken = with_mail(config(1, relay.address), |mail| mail.from = "nobody".to_owned());
    let (desk, _dir) = desk(&broken).await;
    desk.tell(&opened(1)).await;
    let RelayHealth::Unusable { why } = desk.stats().relay else { panic!("{:?}", desk.stats()) };
    assert!(why.contains("from = \"nobody\""), "{why}");
    assert_eq!(desk.stats().queued, 2);
    desk.reload(&config(1, relay.address));
    assert_eq!(relay.take(2).await.len(), 2);
}
