//! Proofs that a pack is there, and the outboards that make them quick.

use std::io::{self, Write};

use super::{FolderError, PackFolder};
use crate::PackId;
use crate::proof::{self, Challenge, ProofError};

impl PackFolder {
    /// Answers a question about a pack with a proof that was checked.
    ///
    /// # Errors
    /// [`FolderError::Wrong`] when the pack is damaged or hasn't that size or that group, [`FolderError::Missing`],
    /// [`FolderError::Absent`], [`FolderError::Io`].
    pub fn prove(&self, challenge: &Challenge) -> Result<Vec<u8>, FolderError> {
        if !challenge.is_sound() || self.size(&challenge.pack)? != u64::from(challenge.bytes) {
            return Err(FolderError::Wrong("the pack hasn't got that group"));
        }
        let group = self.read(&challenge.pack, &challenge.range())?;
        let outboard = self.read_outboard(challenge);
        match proof::prove(challenge, &group, &outboard) {
            Err(ProofError::Outboard) => {}
            proved => return proved.map_err(damage),
        }
        let whole = self.read(&challenge.pack, &(0..u64::from(challenge.bytes)))?;
        let (root, outboard) = proof::outboard(&whole);
        if root != challenge.pack {
            return Err(FolderError::Wrong("the pack is damaged"));
        }
        self.write_outboard(&challenge.pack, &outboard).unwrap_or_default();
        proof::prove(challenge, &group, &outboard).map_err(damage)
    }

    /// The outboard beside a pack, or bytes that prove nothing.
    fn read_outboard(&self, challenge: &Challenge) -> Vec<u8> {
        let range = 0..u64::from(proof::outboard_bytes(challenge.bytes));
        self.read_at(&self.outboard_path(&challenge.pack), &range).unwrap_or_default()
    }

    pub(super) fn write_outboard(&self, id: &PackId, outboard: &[u8]) -> io::Result<()> {
        let path = self.outboard_path(id);
        self.disk.remove(&path)?;
        self.disk.create_new(&path)?.write_all(outboard)
    }
}

fn damage(error: ProofError) -> FolderError {
    match error {
        ProofError::Read(source) => FolderError::Io { attempt: "the pack couldn't be read", source },
        ProofError::Damaged | ProofError::Outboard | ProofError::NoSuchGroup { .. } => {
            FolderError::Wrong("the pack is damaged")
        }
    }
}
