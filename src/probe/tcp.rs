//! `tcp`: a connection, made and closed again.

use std::net::IpAddr;

use super::fault::Fault;
use super::lookup::Lookup;
use super::socket;
use super::trail::Trail;
use crate::estate::TcpAsk;
use crate::observation::Phase;

pub(super) async fn ask(
    ask: &TcpAsk,
    source: Option<IpAddr>,
    lookup: &Lookup,
    trail: &Trail,
) -> Result<(), Fault> {
    let addresses = lookup.addresses(&ask.target, None, source, trail).await?;
    trail.enter(Phase::Connect);
    let stream = socket::connect(&addresses, source, trail).await?;
    trail.rest();
    drop(stream);
    Ok(())
}
