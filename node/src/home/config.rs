//! `config.toml`: what a person may change about a node. Everything has a default, and the environment wins
//! (`HEIRLOOM_LISTEN` and so on), so a node runs without touching the file.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// The node's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the page and the phones' endpoint listen.
    pub listen: SocketAddr,
    /// Photos worked on at the same time; 0 means one per core.
    pub workers: usize,
    /// The largest upload that is accepted, in bytes.
    pub upload_bytes_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 2283)), workers: 0, upload_bytes_max: 4 << 30 }
    }
}

impl Config {
    /// The file that `heirloom init` writes: every setting with its default, commented out.
    pub const EXAMPLE: &'static str = "\
# Settings of this Heirloom node. A line that starts with # is a default; remove the # to change it.

# Where the page listens. \"0.0.0.0:2283\" lets other machines of your network reach it.
#listen = \"127.0.0.1:2283\"

# Photos worked on at the same time; 0 means one per core.
#workers = 0

# The largest upload that is accepted, in bytes.
#upload_bytes_max = 4294967296
";

    /// Reads the file, then the environment.
    ///
    /// # Errors
    /// When the file cannot be read or a setting is unknown or malformed, naming the line.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the settings in {}", path.display()))?;
        let mut config: Self = toml::from_str(&text)
            .with_context(|| format!("{} has a setting this program does not understand", path.display()))?;
        if let Ok(listen) = std::env::var("HEIRLOOM_LISTEN") {
            config.listen =
                listen.parse().context("HEIRLOOM_LISTEN is not an address like 127.0.0.1:2283")?;
        }
        if let Ok(workers) = std::env::var("HEIRLOOM_WORKERS") {
            config.workers = workers.parse().context("HEIRLOOM_WORKERS is not a number")?;
        }
        Ok(config)
    }

    /// How many photos are worked on at the same time.
    pub fn worker_count(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if self.workers == 0 { cores() } else { self.workers.min(64) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_says_the_defaults() {
        let uncommented = Config::EXAMPLE.replace("#listen", "listen").replace("#workers", "workers");
        let uncommented = uncommented.replace("#upload", "upload");
        assert_eq!(toml::from_str::<Config>(&uncommented).unwrap(), Config::default());
        assert_eq!(toml::from_str::<Config>(Config::EXAMPLE).unwrap(), Config::default());
    }
}
