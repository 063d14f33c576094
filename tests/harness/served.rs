//! A node that is being served, as a child process.

use std::ffi::OsString;
use std::net::SocketAddr;

use super::http::Client;
use super::program::{self, Running};

/// A running `heirloom serve`; killed when dropped.
pub(crate) struct Served {
    running: Running,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Served {
    /// Returns when it says that it listens.
    pub(crate) fn start(arguments: Vec<OsString>) -> Self {
        let running = program::spawn(arguments);
        let line = running.line().expect("the node ended instead of listening; see its log above");
        let address = line.strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line}"));
        let address = address.parse().unwrap();
        Self { running, address }
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.running.id()
    }

    /// A stranger's client.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// Stops it as the system would, and makes sure that it ends in order.
    #[track_caller]
    pub(crate) fn stop(mut self) {
        let status = self.running.terminate();
        assert!(status.success(), "the node did not end in order: {status}");
    }

    /// Pulls the plug.
    pub(crate) fn kill(self) {
        drop(self.running.kill());
    }
}
