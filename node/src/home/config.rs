//! `config.toml`: what a person may change about a node. Everything has a default, and the environment wins
//! (`HEIRLOOM_LISTEN` and so on), so a node runs without touching the file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use heirloom_vault::policy::schedule::Hours;
use serde::{Deserialize, Serialize};

/// Bytes of a disk that are left free however little a person said: databases that cannot grow save nothing.
const LEAVE_BYTES_MIN: u64 = 64_000_000;

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
    /// Where other homes reach this one (UDP). With port 0 the node takes a free one and keeps to it.
    pub p2p_listen: SocketAddr,
    /// The address under which a router forwards to `p2p_listen`, if it does.
    pub p2p_external: Option<SocketAddr>,
    /// Relays that help homes find each other; none is used but these.
    pub relays: Vec<RelaySetting>,
    /// Files with certificates (PEM or DER) that the relays are checked against, instead of the public ones.
    pub relay_roots: Vec<PathBuf>,
    /// Whether homes on the same network find each other by themselves.
    pub mdns: bool,
    /// Megabytes of the disk that other homes' copies and shared photos leave free; sized by the disk when absent.
    pub leave_free_mb: Option<u32>,
    /// A file with the passphrase of `keys.toml`, if that is locked.
    pub key_passphrase_file: Option<PathBuf>,
    /// Megabits a second that copies for other homes may take outside this network; 0 means as many as there are.
    pub vault_upload_mbit: u32,
    /// The hours of the day in which copies leave this network; empty means always.
    #[serde(with = "hours_text")]
    pub vault_hours: Hours,
}

/// Hours as people write them: `22:00-07:00`, or nothing for always.
mod hours_text {
    use heirloom_vault::policy::schedule::Hours;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a field over like this")]
    pub(super) fn serialize<S: Serializer>(hours: &Hours, to: S) -> Result<S::Ok, S::Error> {
        if *hours == Hours::ALWAYS { to.serialize_str("") } else { to.collect_str(hours) }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Hours, D::Error> {
        let text = String::deserialize(from)?;
        if text.trim().is_empty() { Ok(Hours::ALWAYS) } else { text.parse().map_err(D::Error::custom) }
    }
}

/// A relay of the person's choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelaySetting {
    /// Like `https://relay.example.org`.
    pub url: String,
    /// What the relay asks for, if it asks.
    #[serde(default)]
    pub token: Option<String>,
    /// UDP port at which the relay tells a node its own address; the usual one when absent.
    #[serde(default)]
    pub quic_port: Option<u16>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 2283)),
            workers: 0,
            upload_bytes_max: 4 << 30,
            p2p_listen: SocketAddr::from(([0, 0, 0, 0], 0)),
            p2p_external: None,
            relays: Vec::new(),
            relay_roots: Vec::new(),
            mdns: true,
            leave_free_mb: None,
            key_passphrase_file: None,
            vault_upload_mbit: 0,
            vault_hours: Hours::ALWAYS,
        }
    }
}

impl Config {
    /// The file that `heirloom init` writes: every setting with its default, commented out.
    pub const EXAMPLE: &'static str = r##"# Settings of this Heirloom node. A line that starts with # is a default; remove the # to change it.

# Where the page listens. "0.0.0.0:2283" lets other machines of your network reach it.
#listen = "127.0.0.1:2283"

# Photos worked on at the same time; 0 means one per core.
#workers = 0

# The largest upload that is accepted, in bytes.
#upload_bytes_max = 4294967296

# Where other homes reach this one (UDP). With port 0 the node takes a free one and keeps to it.
#p2p_listen = "0.0.0.0:0"

# If your router forwards a port to this machine: the address under which others see it.
#p2p_external = "203.0.113.7:4433"

# Relays that help homes find each other. None is used but these.
#relays = [{ url = "https://relay.example.org", token = "secret" }]

# Files with certificates (PEM or DER) that those relays are checked against, instead of the public ones.
#relay_roots = ["relay.pem"]

# Whether homes on the same network find each other by themselves.
#mdns = true

# Megabytes of the disk that copies for other homes and shared photos leave free. Usually a twentieth of the disk, from
# 1 to 20 GB, and 2 GB by shared photos. At least 64, so that the home's own lists find room.
#leave_free_mb = 20000

# A file with the passphrase of keys.toml, if that was locked with `heirloom init --key-passphrase-file`.
#key_passphrase_file = "passphrase"

# Megabits a second that copies of your photos may take on their way to other homes outside your network; 0 means as
# many as there are.
#vault_upload_mbit = 0

# The hours of the day in which such copies leave, like "22:00-07:00"; empty means always.
#vault_hours = ""
"##;

    /// Reads the file, then the environment.
    ///
    /// # Errors
    /// When the file cannot be read or a setting is unknown or malformed, naming the line.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the settings in {}", path.display()))?;
        let mut config: Self = toml::from_str(&text)
            .with_context(|| format!("{} has a setting this program does not understand", path.display()))?;
        config.take_environment()?;
        config.make_paths_absolute(path.parent().unwrap_or(Path::new(".")));
        Ok(config)
    }

    /// The settings of a folder that has none of its own yet.
    ///
    /// # Errors
    /// When the environment says something malformed, naming it.
    pub fn of_environment() -> anyhow::Result<Self> {
        let mut config = Self::default();
        config.take_environment()?;
        Ok(config)
    }

    fn take_environment(&mut self) -> anyhow::Result<()> {
        if let Ok(listen) = std::env::var("HEIRLOOM_LISTEN") {
            self.listen = listen.parse().context("HEIRLOOM_LISTEN is not an address like 127.0.0.1:2283")?;
        }
        if let Ok(workers) = std::env::var("HEIRLOOM_WORKERS") {
            self.workers = workers.parse().context("HEIRLOOM_WORKERS is not a number")?;
        }
        if let Ok(listen) = std::env::var("HEIRLOOM_P2P_LISTEN") {
            self.p2p_listen =
                listen.parse().context("HEIRLOOM_P2P_LISTEN is not an address like 0.0.0.0:4433")?;
        }
        if let Ok(megabytes) = std::env::var("HEIRLOOM_LEAVE_FREE_MB") {
            self.leave_free_mb =
                Some(megabytes.parse().context("HEIRLOOM_LEAVE_FREE_MB is not a number of megabytes")?);
        }
        if let Some(file) = std::env::var_os("HEIRLOOM_KEY_PASSPHRASE_FILE") {
            self.key_passphrase_file = Some(PathBuf::from(file));
        }
        Ok(())
    }

    /// Files that the settings name lie beside them, unless the name is absolute.
    fn make_paths_absolute(&mut self, folder: &Path) {
        let files = self.relay_roots.iter_mut().chain(self.key_passphrase_file.as_mut());
        for file in files {
            *file = folder.join(&*file);
        }
    }

    /// What the people want left free of the disk, in bytes, if they said. However little they said, this home's own lists
    /// find room to grow.
    pub fn leave_free_bytes(&self) -> Option<u64> {
        self.leave_free_mb.map(|megabytes| (u64::from(megabytes) * 1_000_000).max(LEAVE_BYTES_MIN))
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
        // These have no value until a person gives one; the example shows its form.
        let optional = ["#p2p_external", "#relays", "#relay_roots", "#leave_free_mb", "#key_passphrase_file"];
        let is_setting =
            |line: &str| line.starts_with('#') && line.contains(" = ") && !line.starts_with("# ");
        let set: String = Config::EXAMPLE
            .lines()
            .filter(|line| is_setting(line) && !optional.iter().any(|name| line.starts_with(name)))
            .map(|line| format!("{}\n", &line[1..]))
            .collect();
        assert_eq!(set.lines().count(), 7);
        assert_eq!(toml::from_str::<Config>(&set).unwrap(), Config::default());
        assert_eq!(toml::from_str::<Config>(Config::EXAMPLE).unwrap(), Config::default());
        let every: String = Config::EXAMPLE
            .lines()
            .filter(|line| is_setting(line))
            .map(|line| format!("{}\n", &line[1..]))
            .collect();
        let every = toml::from_str::<Config>(&every).unwrap();
        assert_eq!(every.relays[0].token.as_deref(), Some("secret"));
    }

    #[test]
    fn hours_are_read_as_people_write_them() {
        let read = |text: &str| toml::from_str::<Config>(&format!("vault_hours = \"{text}\""));
        assert_eq!(read("").unwrap().vault_hours, Hours::ALWAYS);
        assert_eq!(read("22:00-07:00").unwrap().vault_hours, Hours::new(22 * 60, 7 * 60).unwrap());
        for wrong in ["22", "25:00-01:00", "a-b"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn some_of_the_disk_is_left_free_whatever_is_said() {
        let left = |said| Config { leave_free_mb: said, ..Config::default() }.leave_free_bytes();
        assert_eq!(
            [left(None), left(Some(0)), left(Some(1)), left(Some(64))],
            [None, Some(64_000_000), Some(64_000_000), Some(64_000_000)]
        );
        assert_eq!(left(Some(u32::MAX)), Some(4_294_967_295_000_000));
    }

    #[test]
    fn files_lie_beside_the_settings() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, "relay_roots = [\"relay.pem\", \"/etc/relay.pem\"]\n").unwrap();
        let config = Config::load(&path).unwrap();
        assert_eq!(config.relay_roots, [folder.path().join("relay.pem"), PathBuf::from("/etc/relay.pem")]);
    }
}
