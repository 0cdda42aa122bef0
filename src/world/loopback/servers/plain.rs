//! The plain servers: TCP that accepts and listens, UDP that answers.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::AsyncReadExt as _;

use crate::estate::{Ask, Estate};
use crate::world::loopback::tasks::{self, Tasks};

/// A TCP server that accepts, reads what comes, and says nothing.
pub fn start_tcp(tasks: &Tasks) -> io::Result<SocketAddr> {
    let listener = tasks::listen()?;
    let address = listener.local_addr()?;
    tasks.serve(Arc::new(listener), |mut stream, _peer| async move {
        let mut heard = [0; 1024];
        while matches!(stream.read(&mut heard).await, Ok(length) if length > 0) {}
    });
    Ok(address)
}

/// A UDP server that answers each datagram with what the estate's `udp` probes expect for it, and with the
/// datagram itself where any answer will do.
pub fn start_udp(tasks: &Tasks, estate: &Estate) -> io::Result<SocketAddr> {
    let expected: BTreeMap<Vec<u8>, Vec<u8>> = estate
        .probes
        .iter()
        .filter_map(|probe| match &probe.ask {
            Ask::Udp(ask) => Some((ask.send.clone().into_bytes(), ask.expect.clone()?.into_bytes())),
            _ => None,
        })
        .collect();
    let (_, socket) = super::pair()?;
    let address = socket.local_addr()?;
    tasks.spawn(async move {
        let mut buffer = [0; 4096];
        loop {
            let Ok((length, peer)) = socket.recv_from(&mut buffer).await else { continue };
            let heard = &buffer[..length];
            let answer = expected.get(heard).map_or(heard, Vec::as_slice);
            drop(socket.send_to(answer, peer).await);
        }
    });
    Ok(address)
}
