//! Servers without TLS, each as cheap as it can be. Needs nothing but the standard library: `benches/probes/targets.rs` is a
//! program of these alone.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;

/// Addresses over which connections are spread.
pub const ADDRESSES: usize = 16;

/// One of several addresses of the same server: a closed connection keeps its pair of ports for a minute, and there are
/// 28,000 to one address.
pub fn address(nth: usize) -> String {
    format!("127.0.0.{}", 1 + nth % ADDRESSES)
}

const PAGE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\nConnection: close\r\n\r\nall is well\n";

/// Reads a request's head, and answers it.
pub fn page(stream: &mut (impl Read + Write)) {
    let (mut head, mut some) = (Vec::new(), [0; 1024]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut some) {
            Ok(count @ 1..) => head.extend_from_slice(&some[..count]),
            _ => return,
        }
    }
    drop(stream.write_all(PAGE));
    drop(stream.flush());
}

/// On each of the addresses that are asked. Several threads accept, so that the servers aren't what is waited for.
pub fn streams(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let serve = Arc::new(serve);
    let mut port = 0;
    for nth in 0..ADDRESSES {
        let listener = TcpListener::bind((address(nth).as_str(), port)).expect("a port");
        port = listener.local_addr().expect("its address").port();
        let listener = Arc::new(listener);
        for _ in 0..if nth == 0 { 64 } else { 8 } {
            let (listener, serve) = (Arc::clone(&listener), Arc::clone(&serve));
            std::thread::spawn(move || {
                while let Ok((stream, _)) = listener.accept() {
                    serve(stream);
                }
            });
        }
    }
    port
}

pub fn datagrams(answer: fn(&[u8]) -> Vec<u8>) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
            drop(socket.send_to(&answer(&buffer[..length]), peer));
        }
    });
    port
}

/// The question, with one address as its answer.
pub fn answer(question: &[u8]) -> Vec<u8> {
    // Whatever follows the question (an OPT record) is left out of the answer.
    let mut at = 12;
    while let Some(&length) = question.get(at).filter(|length| **length != 0) {
        at += 1 + usize::from(length);
    }
    let mut reply = question.get(..at + 5).unwrap_or(question).to_vec();
    reply[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    reply.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
    reply
}
