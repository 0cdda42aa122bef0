//! Which of the two failed: the name server, or those whom it asks. A further question that the server answers out of
//! its own head tells, where there is time for it. It never changes the verdict, only what is told of it; a question
//! asked twice would hide the loss that is to be seen.

use std::pin::pin;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use tokio::time::Instant;

use super::aside;
use super::exchange::Way;
use super::message::{Manner, Question};
use super::reply::Reply;
use crate::estate::DnsTransport;
use crate::limits::{PROBE_DNS_FURTHER_MAX, PROBE_DNS_FURTHER_MIN};
use crate::observation::Phase;
use crate::probe::fault::Fault;
use crate::probe::trail::Trail;

/// Every name server knows this name by itself (RFC 6761). One that doesn't has no leave to ask others: whatever
/// it answers, it answers at once.
const NAME: &str = "localhost";

fn question(way: &Way<'_>) -> Result<Question, Fault> {
    let no_id = matches!(way.transport, DnsTransport::Https { .. });
    Question::new(NAME, RecordType::A, Manner { recursion: false, no_id, ..Manner::PLAIN })
}

/// Waits for the answer until the check's end. Once half of the time has gone by in silence, it looks whether the
/// server is alive, so that a timeout says who is silent. Unless there is nothing to tell (`is_alone`: nothing is asked
/// beside), it stops just before the deadline does.
pub(super) async fn patiently(
    asking: impl Future<Output = Result<Reply, Fault>>,
    is_alone: bool,
    way: &Way<'_>,
    trail: &Trail,
) -> Result<Reply, Fault> {
    let mut asking = pin!(asking);
    let half = trail.time_left() / 2;
    if let Ok(came) = tokio::time::timeout(half, &mut asking).await {
        return came;
    }
    // Who hasn't let us in can't be asked anything else either; and who has answered over UDP is alive.
    let is_in =
        !matches!(trail.phase(), None | Some(Phase::Connect | Phase::Tls)) && !trail.knows_what_it_awaits();
    let told = if is_in && half >= PROBE_DNS_FURTHER_MIN {
        let until = trail.last_call().min(Instant::now() + PROBE_DNS_FURTHER_MAX);
        tokio::select! {
            biased;
            came = &mut asking => return came,
            further = aside::ask(question(way), way, until) => Some(sign(further.is_ok(), way)),
        }
    } else if is_alone {
        return asking.await;
    } else {
        None
    };
    match tokio::time::timeout_at(trail.last_call(), asking).await {
        Ok(came) => came,
        Err(_) => Err(match told {
            Some(told) => trail.too_late().also(&told),
            None => trail.too_late(),
        }),
    }
}

fn sign(is_alive: bool, way: &Way<'_>) -> String {
    let server = way.server;
    if is_alive {
        format!(
            "{server} is alive (it answered about {NAME}): those whom it asks are silent, or the question was lost"
        )
    } else {
        format!("{server} did not answer about {NAME} either: it is down, or the line to it")
    }
}

/// Adds to a `servfail` whether the server can answer anything at all.
pub(super) async fn after_servfail(fault: Fault, way: &Way<'_>, trail: &Trail) -> Fault {
    let until = trail.last_call().min(Instant::now() + PROBE_DNS_FURTHER_MAX);
    if aside::time_until(until) < PROBE_DNS_FURTHER_MIN {
        return fault;
    }
    match aside::ask(question(way), way, until).await {
        Ok(reply) if reply.message.metadata.response_code == ResponseCode::ServFail => fault.also(&format!(
            "nor for {NAME}, which it should know by itself: the name server itself has failed"
        )),
        Ok(_) => fault
            .also(&format!("it did answer about {NAME}: it is alive, and those whom it asks have failed")),
        Err(_) => fault.also(&format!("it gave no answer about {NAME}, which it should know by itself")),
    }
}
