//! Datagrams through a door: one question, one answer, each over a socket of its own.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::Semaphore;

use super::{Keeper, Verdict};
use crate::limits::COUNTY_CONVERSATIONS_MAX;
use crate::world::loopback::tasks::Tasks;

/// How long a server may think about one datagram. Those of the county answer in microseconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

pub async fn carry(keeper: Arc<Keeper>, socket: UdpSocket, tasks: Tasks) {
    let socket = Arc::new(socket);
    let places = Arc::new(Semaphore::new(COUNTY_CONVERSATIONS_MAX));
    let mut buffer = [0; 4096];
    loop {
        // An error here is the echo of an answer that nobody waited for (a port unreachable).
        let Ok((length, peer)) = socket.recv_from(&mut buffer).await else { continue };
        let Verdict::Forward { to, after } = keeper.judge_datagram(peer) else { continue };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let (socket, question) = (Arc::clone(&socket), buffer[..length].to_vec());
        tasks.spawn(async move {
            tokio::time::sleep(after).await;
            let asked = tokio::time::timeout(ANSWER_TIMEOUT, ask(to, &question)).await;
            if let Ok(Ok(answer)) = asked {
                drop(socket.send_to(&answer, peer).await);
            }
            drop(place);
        });
    }
}

async fn ask(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut answer = vec![0; 4096];
    let length = socket.recv(&mut answer).await?;
    answer.truncate(length);
    Ok(answer)
}
