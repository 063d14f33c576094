//! Where everything lies below a home; `docs/formats/home-folder.md` draws it.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use heirloom_identity::ContentHash;

use super::library::MARKER_NAME;

/// The paths of a home; pure, but for the few methods that say so.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

/// The two derivatives of one content.
#[derive(Debug, Clone)]
pub struct Derivatives {
    /// WebP, short side 250.
    pub thumbnail: PathBuf,
    /// JPEG, long side 1920.
    pub preview: PathBuf,
}

impl Layout {
    /// The layout below `root`, which need not exist; made absolute.
    ///
    /// # Errors
    /// When the current folder is gone.
    pub fn of(root: &Path) -> anyhow::Result<Self> {
        let root = std::path::absolute(root)
            .with_context(|| format!("cannot make {} an absolute path", root.display()))?;
        Ok(Self { root })
    }

    /// The home itself.
    pub fn root(&self) -> &Path {
        &self.root
    }
    /// What the person configured.
    pub fn config(&self) -> PathBuf {
        self.root.join("config.toml")
    }
    /// The node's secrets, readable by the owner only.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys.toml")
    }
    /// The originals.
    pub fn library(&self) -> PathBuf {
        self.root.join("library")
    }
    /// The ledger.
    pub fn home_db(&self) -> PathBuf {
        self.root.join("home.sqlite")
    }
    /// What people decided.
    pub fn spaces_db(&self) -> PathBuf {
        self.root.join("spaces.sqlite")
    }
    /// The derived index.
    pub fn catalog_db(&self) -> PathBuf {
        self.root.join("catalog.sqlite")
    }
    /// What this home knows of its own packs elsewhere.
    pub fn vault_db(&self) -> PathBuf {
        self.root.join("vault.sqlite")
    }
    /// What this home knows of the packs that it keeps for others.
    pub fn keeper_db(&self) -> PathBuf {
        self.root.join("keeper.sqlite")
    }
    /// What the vault writes for itself.
    pub fn vault(&self) -> PathBuf {
        self.root.join("vault")
    }
    /// Packs of this household that not every keeper has yet.
    pub fn outbox(&self) -> PathBuf {
        self.vault().join("outbox")
    }
    /// Packs of other households, a folder for each.
    pub fn kept(&self) -> PathBuf {
        self.root.join("kept")
    }
    /// Originals whose bits rotted, set aside.
    pub fn damaged(&self) -> PathBuf {
        self.root.join("damaged")
    }
    /// What a restore that is under way has fetched.
    pub fn restoring(&self) -> PathBuf {
        self.root.join("restoring")
    }
    /// Derivatives.
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }
    /// Uploads in progress; on the same file system as the library.
    pub fn inbox(&self) -> PathBuf {
        self.root.join("inbox")
    }
    /// Held while a process has the home.
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }
    /// Where commands talk to a serving node.
    pub fn socket(&self) -> PathBuf {
        self.root.join("control.sock")
    }
    /// An original by its path in the ledger.
    pub fn original(&self, path: &str) -> PathBuf {
        self.library().join(path)
    }

    /// Where the derivatives of a content lie.
    pub fn derivatives(&self, content: &ContentHash) -> Derivatives {
        let hex = content.to_string();
        let place = |kind: &str, extension: &str| {
            let folder = self.cache().join(kind).join(&hex[..2]).join(&hex[2..4]);
            folder.join(format!("{hex}.{extension}"))
        };
        Derivatives { thumbnail: place("thumbs", "webp"), preview: place("previews", "jpg") }
    }

    /// Whether photos or decisions lie here, whatever else is missing.
    pub fn is_used(&self) -> bool {
        let library = std::fs::read_dir(self.library()).into_iter().flatten().flatten();
        let has_photos = library.map(|entry| entry.file_name()).any(|name| name != MARKER_NAME);
        has_photos || self.spaces_db().exists()
    }

    /// Whether nothing lies here but what a founding or a restore that was interrupted may leave.
    pub fn is_vacant(&self) -> bool {
        const LEFT: [&str; 9] = [
            "library",
            "inbox",
            "cache",
            "keys.toml",
            "home.sqlite",
            "home.sqlite-wal",
            "home.sqlite-shm",
            "lock",
            "restoring",
        ];
        let Ok(entries) = std::fs::read_dir(&self.root) else { return !self.root.exists() };
        let mut entries = entries.flatten().map(|entry| entry.file_name());
        !self.is_used() && entries.all(|name| LEFT.iter().any(|left| name == *left))
    }

    /// Checks that a home is here.
    ///
    /// # Errors
    /// When none is, saying how to make one.
    pub fn must_exist(&self) -> anyhow::Result<()> {
        if !self.config().is_file() && self.restoring().exists() {
            bail!(
                "the home at {} is only half restored; give the same `heirloom restore` command again and it goes on",
                self.root.display()
            );
        }
        if !self.config().is_file() && self.is_used() {
            bail!(
                "the home at {} has lost its config.toml; make an empty file of that name there, and it works again",
                self.root.display()
            );
        }
        if !self.config().is_file() {
            bail!(
                "there is no home at {}; make one with `heirloom init --home {0}`, or name another folder",
                self.root.display()
            );
        }
        Ok(())
    }

    /// Removes the catalog's files; it is derived again.
    ///
    /// # Errors
    /// When a file is there and cannot be removed.
    pub fn remove_catalog(&self) -> anyhow::Result<()> {
        for ending in ["", "-wal", "-shm"] {
            let path = self.root.join(format!("catalog.sqlite{ending}"));
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The home when none is named: the platform's data folder.
pub fn default_root() -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || variable("HOME").unwrap_or_else(|| PathBuf::from("."));
    let data = if cfg!(target_os = "macos") {
        home().join("Library/Application Support")
    } else {
        variable("XDG_DATA_HOME").unwrap_or_else(|| home().join(".local/share"))
    };
    data.join("heirloom")
}
