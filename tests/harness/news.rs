//! What a page hears: the stream of events, used here to wait for something without looking again and again.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;

use super::http::Client;

/// An open event stream of one node.
pub(crate) struct News {
    lines: BufReader<TcpStream>,
}

impl News {
    /// Listens as whoever the client is.
    pub(crate) fn listen(client: &Client) -> Self {
        let stream = client.begin("GET", "/api/events", "text/plain", 0).unwrap();
        Self { lines: BufReader::new(stream) }
    }

    /// Looks at once, and after every event, until `look` finds what it wants. A node that never gets there is
    /// ended by the test runner.
    #[track_caller]
    pub(crate) fn until<T>(&mut self, mut look: impl FnMut() -> Option<T>) -> T {
        loop {
            if let Some(found) = look() {
                return found;
            }
            self.next_event();
        }
    }

    /// Waits for the next event or sign of life.
    #[track_caller]
    fn next_event(&mut self) {
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).unwrap();
            assert!(read > 0, "the node ended its stream of events");
            if line.starts_with("event:") || line.starts_with(':') {
                return;
            }
        }
    }
}
