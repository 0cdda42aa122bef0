//! ICMP with the machine's own sockets. Where neither kind is permitted, the one thing to see is that this is said.

use linewatch::estate::{Ask, IcmpAsk};
use linewatch::observation::Failure;
use linewatch::probe::Prober;

use super::{LONG, ask, ask_from, probe};

fn echo(host: &str, count: u8) -> Ask {
    Ask::Icmp(IcmpAsk { host: host.to_owned(), count, loss_max: 0.0 })
}

#[tokio::test]
async fn loopback_answers_or_the_machine_says_that_it_may_not_ask() {
    let answer = ask(echo("127.0.0.1", 3), LONG).await;
    if answer.failure == Some(Failure::Local) {
        assert!(answer.detail.expect("a detail").contains("ping_group_range"));
        return;
    }
    assert!(answer.ok, "{answer:?}");
    let echoes = answer.facts.echoes.expect("echoes");
    assert_eq!((echoes.sent, echoes.received, answer.loss), (3, 3, Some(0.0)));
    assert_eq!(answer.phases_ms.echo, echoes.median_ms);
    assert!(echoes.min_ms <= echoes.median_ms && echoes.median_ms <= echoes.max_ms);
}

#[tokio::test]
async fn many_checks_of_one_host_at_once_do_not_take_each_others_answers() {
    let prober = Prober::new().expect("a prober");
    let check = probe(echo("127.0.0.1", 2), LONG);
    let answers = futures::future::join_all((0..20).map(|_| prober.ask(&check, None))).await;
    for answer in answers {
        assert!(answer.ok || answer.failure == Some(Failure::Local), "{answer:?}");
    }
}

#[tokio::test]
async fn echoes_leave_from_the_practices_own_address() {
    let ours = Some("127.0.0.3".parse().expect("an address"));
    let answer = ask_from(echo("127.0.0.1", 1), LONG, ours).await;
    assert!(answer.ok || answer.failure == Some(Failure::Local), "{answer:?}");
    let not_ours = Some("192.0.2.7".parse().expect("an address"));
    let answer = ask_from(echo("127.0.0.1", 1), LONG, not_ours).await;
    assert_eq!(answer.failure, Some(Failure::Local));
    assert_eq!(answer.loss, None, "no echo was lost, as none was sent");
}
