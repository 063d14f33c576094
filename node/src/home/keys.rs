//! `keys.toml`: the node's secrets and its certificate, readable by the owner only.

use std::path::Path;

use anyhow::{Context, anyhow, bail};
use data_encoding::HEXLOWER;
use heirloom_identity::{AuthorityKey, Certificate, NodeKeys};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// What the node keeps secret, and the household's word that these keys speak for it.
#[derive(Debug)]
pub struct KeyFile {
    /// The two keys of this machine.
    pub node: NodeKeys,
    /// Signed by the household's authority key, which is on paper and not here.
    pub certificate: Certificate,
}

/// The file as text; version 1.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    version: u32,
    household: String,
    certificate: String,
    node_keys: Zeroizing<String>,
}

impl KeyFile {
    /// Makes keys for a new node and has the authority sign for them.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn make(authority: &AuthorityKey, now_ms: i64) -> anyhow::Result<Self> {
        let secrets = Zeroizing::new(crate::random::bytes::<{ NodeKeys::BYTES }>()?);
        let node = NodeKeys::from_bytes(&secrets);
        let certificate = Certificate::issue(authority, 1, node.node(), node.signer().id(), now_ms)?;
        Ok(Self { node, certificate })
    }

    /// Reads the file and checks that certificate and keys belong together.
    ///
    /// # Errors
    /// When the file is missing, damaged, or does not fit together.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let read = || format!("cannot read this node's keys in {}", path.display());
        let text = Zeroizing::new(std::fs::read_to_string(path).with_context(read)?);
        let text: Text = toml::from_str(&text).map_err(|_| {
            // The parser's own words would quote the line, and the line is a secret.
            anyhow!("{} is damaged; restore it from a backup of this home", path.display())
        })?;
        if text.version != 1 {
            bail!(
                "{} has version {}, this program knows version 1; update Heirloom",
                path.display(),
                text.version
            );
        }
        let secrets = Zeroizing::new(HEXLOWER.decode(text.node_keys.as_bytes()).with_context(read)?);
        let secrets = <&[u8; NodeKeys::BYTES]>::try_from(secrets.as_slice()).with_context(read)?;
        let node = NodeKeys::from_bytes(secrets);
        let household = text.household.parse().with_context(read)?;
        let certificate = HEXLOWER.decode(text.certificate.as_bytes()).with_context(read)?;
        let certificate = Certificate::decode_for(&household, &certificate).with_context(read)?;
        if *certificate.node() != node.node() || *certificate.signer() != node.signer().id() {
            bail!("the keys in {} do not match their certificate", path.display());
        }
        Ok(Self { node, certificate })
    }

    /// Writes the file, for the owner's eyes only, durably. Fails if it exists.
    ///
    /// # Errors
    /// What the system says.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        let text = Text {
            version: 1,
            household: self.certificate.household().to_string(),
            certificate: HEXLOWER.encode(&self.certificate.encode()),
            node_keys: Zeroizing::new(HEXLOWER.encode(&*self.node.to_bytes())),
        };
        let text = Zeroizing::new(toml::to_string(&text)?);
        super::create::write_private(path, text.as_bytes())
    }
}
