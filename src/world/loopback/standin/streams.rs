//! Connections through a door.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::{Keeper, Verdict};

pub async fn carry(keeper: Arc<Keeper>, mut stream: TcpStream, peer: SocketAddr) {
    match keeper.judge_stream(peer) {
        Verdict::Forward { to, after } => {
            tokio::time::sleep(after).await;
            let Ok(mut server) = TcpStream::connect(to).await else { return reset(&stream) };
            // Either side may break off; the other then sees its end.
            drop(tokio::io::copy_bidirectional(&mut stream, &mut server).await);
        }
        // Read to the client's end and say nothing: the bytes went into a hole.
        Verdict::Swallow => while heard(&mut stream).await {},
        Verdict::TurnAway => reset(&stream),
        Verdict::CutOff => {
            heard(&mut stream).await;
            reset(&stream);
        }
    }
}

/// Whether the client said something; false at its end.
async fn heard(stream: &mut TcpStream) -> bool {
    let mut bytes = [0; 4096];
    matches!(stream.read(&mut bytes).await, Ok(length) if length > 0)
}

/// Makes the coming close a reset instead of a farewell.
fn reset(stream: &TcpStream) {
    drop(socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)));
}
