//! The county's background tasks: started anywhere, stopped together, counted so that `stop` returns when
//! the last of them is gone.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::limits::{COUNTY_BACKLOG, COUNTY_CONVERSATION_TIMEOUT, COUNTY_CONVERSATIONS_MAX};

/// Handle to all tasks of one county. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    ending: CancellationToken,
    all: TaskTracker,
}

impl Tasks {
    /// Runs `task` until it ends or the county stops.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let ending = self.ending.clone();
        self.all.spawn(async move {
            ending.run_until_cancelled_owned(task).await;
        });
    }

    /// Ends every task and waits until the last one is gone.
    pub async fn stop(&self) {
        self.ending.cancel();
        self.all.close();
        self.all.wait().await;
    }

    /// Ends every task without waiting: for destructors.
    pub fn cancel(&self) {
        self.ending.cancel();
    }

    /// Accepts connections and gives each to `talk`, in a task of its own. More than
    /// [`COUNTY_CONVERSATIONS_MAX`] at once are closed at once; none lasts longer than
    /// [`COUNTY_CONVERSATION_TIMEOUT`].
    pub fn serve<T, F>(&self, listener: Arc<TcpListener>, talk: T)
    where
        T: Fn(TcpStream, SocketAddr) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let tasks = self.clone();
        self.spawn(async move {
            let places = Arc::new(Semaphore::new(COUNTY_CONVERSATIONS_MAX));
            loop {
                let (stream, peer) = match listener.accept().await {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::warn!(%error, "the county could not accept a connection");
                        // Out of descriptors, most likely: accepting again at once would spin.
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                };
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
                let talking = talk(stream, peer);
                tasks.spawn(async move {
                    drop(tokio::time::timeout(COUNTY_CONVERSATION_TIMEOUT, talking).await);
                    drop(place);
                });
            }
        });
    }
}

/// A listener on a free port of 127.0.0.1.
pub fn listen() -> io::Result<TcpListener> {
    listen_at(0)
}

/// A listener on 127.0.0.1 at `port`; 0 picks a free one.
pub fn listen_at(port: u16) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    socket.listen(COUNTY_BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}
