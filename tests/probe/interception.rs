//! Who issued the certificate: pins, firewalls that decrypt, and servers whose own certificate is bad.

use linewatch::estate::{Ask, HttpAsk, IssuerPin};
use linewatch::observation::{Failure, Phase};
use linewatch::probe::{Answer, Prober};

use super::http::get;
use super::servers::{self, Authority, Credentials, Farewell};
use super::{LONG, ask, detail, failed, host_port, probe};

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nall is well";

/// A question that trusts `public`, to a server that shows these credentials.
async fn question(public: &Authority, credentials: Credentials) -> HttpAsk {
    let server = servers::https(credentials, HELLO, Farewell::Polite).await;
    HttpAsk {
        connect_to: Some(host_port(server)),
        trust_pem: Some(public.pem()),
        ..get("https://accurx.example/")
    }
}

fn named(name: &str) -> Vec<IssuerPin> {
    vec![IssuerPin::Named(name.to_owned())]
}

async fn put(question: HttpAsk) -> Answer {
    ask(Ask::Http(question), LONG).await
}

#[tokio::test]
async fn the_pinned_issuer_is_fine_by_name_and_by_hash() {
    let public = Authority::new();
    let asked = question(&public, public.issue("accurx.example", 90)).await;
    for pins in [
        named("county test root"),
        vec![IssuerPin::Sha256(public.sha256())],
        vec![IssuerPin::Named("Somebody".to_owned()), IssuerPin::Sha256(public.sha256())],
    ] {
        let answer = put(HttpAsk { issuers: pins, ..asked.clone() }).await;
        assert!(answer.ok, "{answer:?}");
        let issuer = answer.facts.issuer.expect("an issuer");
        assert_eq!((issuer.name.contains("County Test Root"), issuer.is_pinned), (true, Some(true)));
    }
    let answer = put(asked).await;
    assert_eq!(answer.facts.issuer.expect("an issuer").is_pinned, None, "nothing is pinned");
    assert!(answer.facts.certificates.iter().all(|each| each.key_sha256.len() == 64));
}

#[tokio::test]
async fn a_trusted_issuer_that_is_not_the_pinned_one_is_interception() {
    let public = Authority::new();
    for pins in [named("DigiCert"), vec![IssuerPin::Sha256([7; 32])]] {
        let mut question = question(&public, public.issue("accurx.example", 90)).await;
        question.issuers = pins;
        let answer = put(question).await;
        assert_eq!(failed(&answer), (Some(Failure::Intercepted), Some(Phase::Tls)), "{answer:?}");
        assert!(detail(&answer).contains("is issued by County Test Root"), "{answer:?}");
        assert!(detail(&answer).contains("not by the pinned"), "{answer:?}");
        assert!(answer.facts.status.is_none(), "nothing is asked of whoever decrypts");
    }
}

#[tokio::test]
async fn a_firewall_that_decrypts_is_named() {
    let public = Authority::new();
    let firewall = Authority::named("FortiGate CA");
    let answer = put(question(&public, firewall.issue("accurx.example", 90)).await).await;
    assert_eq!(failed(&answer), (Some(Failure::Intercepted), Some(Phase::Tls)), "{answer:?}");
    assert!(detail(&answer).contains("FortiGate CA") && detail(&answer).contains("Fortinet"), "{answer:?}");

    let unknown = Authority::named("Box in the cellar");
    let answer = put(question(&public, unknown.issue_now("accurx.example")).await).await;
    assert_eq!(failed(&answer), (Some(Failure::Intercepted), Some(Phase::Tls)), "{answer:?}");
    assert!(detail(&answer).contains("Box in the cellar"), "{answer:?}");
    assert!(detail(&answer).contains("1 h ago"), "{answer:?}");

    let mut pinned = question(&public, Authority::named("Elsewhere").issue("accurx.example", 90)).await;
    pinned.issuers = named("County Test Root");
    let answer = put(pinned).await;
    assert_eq!(answer.failure, Some(Failure::Intercepted), "{answer:?}");
}

#[tokio::test]
async fn a_servers_own_bad_certificate_is_not_interception() {
    let public = Authority::new();
    let unknown = Authority::named("Box in the cellar");
    for (what, credentials, failure) in [
        ("signed by itself", Credentials::self_signed("accurx.example"), Failure::Untrusted),
        ("for another name", unknown.issue_now("docman.example"), Failure::Untrusted),
        ("an old one of a private authority", unknown.issue("accurx.example", 90), Failure::Untrusted),
        (
            "its intermediate forgotten",
            Authority::named("DigiCert G2").issue_now("accurx.example"),
            Failure::Untrusted,
        ),
        ("trusted, for another name", public.issue_now("docman.example"), Failure::Untrusted),
        ("expired", public.issue("accurx.example", -3), Failure::Expired),
    ] {
        let answer = put(question(&public, credentials).await).await;
        assert_eq!(failed(&answer), (Some(failure), Some(Phase::Tls)), "{what}: {answer:?}");
    }
}

/// What a firewall makes of a certificate that is expired, or for another name, is so as well.
#[tokio::test]
async fn who_made_it_comes_before_what_is_wrong_with_it() {
    let (public, firewall) = (Authority::new(), Authority::named("FortiGate CA"));
    for (what, credentials) in [
        ("expired", firewall.issue("accurx.example", -3)),
        ("trusted here, for another name", firewall.issue("docman.example", 90)),
    ] {
        let asked = HttpAsk { trust_pem: Some(firewall.pem()), ..question(&public, credentials).await };
        let answer = put(asked.clone()).await;
        assert_eq!(failed(&answer), (Some(Failure::Intercepted), Some(Phase::Tls)), "{what}: {answer:?}");
        assert!(
            detail(&answer).contains("FortiGate CA") && detail(&answer).contains("Fortinet"),
            "{answer:?}"
        );
        let meant = put(HttpAsk { issuers: named("FortiGate CA"), ..asked }).await;
        assert!(matches!(meant.failure, Some(Failure::Expired | Failure::Untrusted)), "{what}: {meant:?}");
        assert_eq!(meant.facts.issuer.and_then(|issuer| issuer.is_pinned), Some(true), "{what}");
    }
    for (what, credentials, failure) in [
        ("expired", public.issue("accurx.example", -3), Failure::Expired),
        ("for another name", public.issue("docman.example", 90), Failure::Untrusted),
    ] {
        let asked = question(&public, credentials).await;
        let answer = put(asked.clone()).await;
        assert_eq!(answer.failure, Some(failure), "{what}: {answer:?}");
        assert!(answer.facts.issuer.is_some_and(|issuer| issuer.name.contains("County Test Root")), "{what}");
        let answer = put(HttpAsk { issuers: named("DigiCert"), ..asked }).await;
        assert_eq!(failed(&answer), (Some(Failure::Intercepted), Some(Phase::Tls)), "{what}: {answer:?}");
        assert!(detail(&answer).contains("not by the pinned DigiCert"), "{what}: {answer:?}");
    }
}

#[tokio::test]
async fn one_unknown_issuer_of_many_hosts_is_interception() {
    let (public, firewall) = (Authority::new(), Authority::named("Box in the cellar"));
    let prober = Prober::new().expect("a prober");
    let mut found = Vec::new();
    for host in ["accurx.example", "docman.example", "emis.example", "accurx.example"] {
        let mut question = question(&public, firewall.issue(host, 90)).await;
        question.url = format!("https://{host}/");
        let answer = prober.ask(&probe(Ask::Http(question), LONG), None).await;
        found.push(answer.failure);
    }
    let (untrusted, intercepted) = (Some(Failure::Untrusted), Some(Failure::Intercepted));
    assert_eq!(found, [untrusted, untrusted, intercepted, intercepted]);
}

#[tokio::test]
async fn tls_and_host_are_asked_for_by_names_of_their_own() {
    let public = Authority::new();
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let acceptor = public.issue("front.example", 90).acceptor();
    let server = servers::tcp(move |stream, _| {
        let (acceptor, tell) = (acceptor.clone(), tell.clone());
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let name = stream.get_ref().1.server_name().map(str::to_owned);
            let head = servers::read_head(&mut stream).await;
            servers::say(&mut stream, HELLO).await;
            tell.send((name, head)).await.expect("the test listens");
        }
    })
    .await;
    let question = HttpAsk {
        trust_pem: Some(public.pem()),
        sni: Some("front.example".to_owned()),
        host: Some("back.example:8443".to_owned()),
        ..get(&format!("https://{server}/"))
    };
    let answer = put(question.clone()).await;
    assert!(answer.ok, "{answer:?}");
    let (name, head) = told.recv().await.expect("a request");
    assert_eq!(name.as_deref(), Some("front.example"));
    assert!(head.to_lowercase().contains("\r\nhost: back.example:8443\r\n"), "{head}");
    let answer = put(HttpAsk { sni: Some("back.example".to_owned()), ..question }).await;
    assert_eq!(
        failed(&answer),
        (Some(Failure::Untrusted), Some(Phase::Tls)),
        "the certificate must be for that name"
    );
}

#[tokio::test]
async fn a_server_that_wants_to_know_its_clients_gets_the_certificate() {
    let public = Authority::new();
    let clients = Authority::named("Clients");
    let acceptor = clients.wants_clients(public.issue("accurx.example", 90));
    let server = servers::https_with(acceptor, HELLO, Farewell::Polite).await;
    let mut question = HttpAsk {
        connect_to: Some(host_port(server)),
        trust_pem: Some(public.pem()),
        client_identity: Some(Box::new(clients.client("practice.example"))),
        ..get("https://accurx.example/")
    };
    let answer = put(question.clone()).await;
    assert!(answer.ok, "{answer:?}");
    // One that another authority vouches for, and none at all.
    question.client_identity = Some(Box::new(Authority::named("Strangers").client("practice.example")));
    for identity in [question.client_identity.clone(), None] {
        let answer = put(HttpAsk { client_identity: identity, ..question.clone() }).await;
        assert!(matches!(answer.failure, Some(Failure::Tls | Failure::Reset)), "{answer:?}");
    }
    assert!(!format!("{question:?}").contains("PRIVATE"), "{question:?}");
}

/// Leads from a server of `public` to this place.
async fn leading_to(public: &Authority, there: std::net::SocketAddr) -> HttpAsk {
    let found = format!("HTTP/1.1 302 Found\r\nLocation: https://{there}/\r\nContent-Length: 0\r\n\r\n");
    let here = servers::https(public.issue("accurx.example", 90), found, Farewell::Polite).await;
    HttpAsk {
        connect_to: Some(host_port(here)),
        trust_pem: Some(public.pem()),
        redirects_max: 3,
        redirects_to: vec!["127.0.0.1".to_owned()],
        ..get("https://accurx.example/")
    }
}

#[tokio::test]
async fn what_is_pinned_for_a_service_is_not_asked_of_where_it_leads() {
    let (public, other) = (Authority::new(), Authority::named("Other Root"));
    let there = servers::https(other.issue("127.0.0.1", 90), HELLO, Farewell::Polite).await;
    let mut question = leading_to(&public, there).await;
    question.trust_pem = Some(public.pem() + &other.pem());
    question.issuers = named("County Test Root");
    question.host = Some("accurx.example".to_owned());
    question.sni = Some("accurx.example".to_owned());
    let answer = put(question).await;
    assert!(answer.ok && answer.facts.redirects.len() == 1, "{answer:?}");
}

#[tokio::test]
async fn a_client_certificate_is_not_shown_to_where_a_redirect_leads() {
    let (public, clients) = (Authority::new(), Authority::named("Clients"));
    let acceptor = clients.wants_clients(public.issue("127.0.0.1", 90));
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let there = servers::tcp(move |stream, _| {
        let (acceptor, tell) = (acceptor.clone(), tell.clone());
        async move { tell.send(acceptor.accept(stream).await.is_ok()).await.expect("the test listens") }
    })
    .await;
    let mut question = leading_to(&public, there).await;
    question.client_identity = Some(Box::new(clients.client("practice.example")));
    let answer = put(question).await;
    // First, so that a check that never got there fails here instead of waiting for news of it.
    assert!(matches!(answer.failure, Some(Failure::Tls | Failure::Reset)), "{answer:?}");
    assert_eq!(told.recv().await, Some(false), "it asked, and got none");
}
