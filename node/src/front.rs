//! The web server of the program: one for as long as it runs, whatever stands behind it.
//!
//! What is served may be changed while it runs: the first-run page gives way to the home it made, and whoever is
//! connected at that moment is answered by the one or the other. Two servers, one after the other, could not promise
//! that: one that ends cuts off connections on which nothing was asked yet.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// How long requests may take to finish once the program was asked to stop.
pub const GRACE: Duration = Duration::from_secs(10);

/// What is served at the moment.
type Shown = Arc<RwLock<Router>>;

/// A running web server.
pub struct Front {
    address: SocketAddr,
    shown: Shown,
    stopping: CancellationToken,
    server: JoinHandle<io::Result<()>>,
}

impl Front {
    /// Answers those who come to `listener` with `app`.
    ///
    /// # Errors
    /// When the system does not say where it listens.
    pub fn start(listener: TcpListener, app: Router) -> anyhow::Result<Self> {
        let address = listener.local_addr().context("cannot learn where the page is served")?;
        let shown = Arc::new(RwLock::new(app));
        let stopping = CancellationToken::new();
        let (behind, graceful) = (Arc::clone(&shown), stopping.clone());
        let app = Router::new().fallback(move |request| answer(Arc::clone(&behind), request));
        let service = app.into_make_service_with_connect_info::<SocketAddr>();
        let server =
            axum::serve(listener, service).with_graceful_shutdown(async move { graceful.cancelled().await });
        Ok(Self { address, shown, stopping, server: tokio::spawn(server.into_future()) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves something else to everything that is asked from now on. What was asked before is answered by what was there
    /// before.
    pub fn show(&self, app: Router) {
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = app;
    }

    /// Waits until the server ends by itself, which only a fault makes it do.
    ///
    /// # Errors
    /// The fault.
    pub async fn failed(&mut self) -> anyhow::Result<()> {
        (&mut self.server)
            .await
            .context("the web server ended unexpectedly")?
            .context("the web server failed")
    }

    /// Accepts nobody new and lets requests finish for [`GRACE`]. May be called after it [failed](Self::failed).
    pub async fn stop(mut self) {
        self.stopping.cancel();
        if !self.server.is_finished() && tokio::time::timeout(GRACE, &mut self.server).await.is_err() {
            tracing::warn!("some requests did not finish in time and were cut off");
            self.server.abort();
        }
    }
}

async fn answer(shown: Shown, request: Request) -> Response {
    let app = shown.read().unwrap_or_else(PoisonError::into_inner).clone();
    let answered: Result<Response, Infallible> = app.oneshot(request).await;
    match answered {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use super::*;

    fn says(text: &'static str) -> Router {
        Router::new().fallback(move || async move { text })
    }

    fn ask(stream: &mut TcpStream) -> String {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Goal: whoever connected before the change and asks after it is answered. Method: a connection that says nothing until
    /// something else is shown.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_change_cuts_nobody_off() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let front = Front::start(listener, says("before")).unwrap();
        let address = front.address();
        let waiting = tokio::task::spawn_blocking(move || {
            let waiting = TcpStream::connect(address).unwrap();
            // The server is at work: whoever came before this one was taken in.
            assert!(ask(&mut TcpStream::connect(address).unwrap()).ends_with("before"));
            waiting
        });
        let mut waiting = waiting.await.unwrap();
        front.show(says("after"));
        let answer = tokio::task::spawn_blocking(move || ask(&mut waiting)).await.unwrap();
        assert!(answer.ends_with("after"), "{answer}");
        front.stop().await;
    }
}
