//! Operations: taking those of others in, making our own, and what follows from them.

use std::collections::BTreeMap;
use std::sync::Arc;

use heirloom_identity::{Action, EpochId, EpochSecret, HouseholdId, Operation, OperationId, ReceiveKey};

use crate::albums::{AlbumError, Changed};
use crate::membership::{Inserted, evaluate, next_parents, plan_rekey};
use crate::projection;
use crate::replica::{Replica, Work, rows};

/// How many envelopes are opened at a time when a secret or an operation came that they waited for.
const SEALED_BATCH: usize = 2048;

/// What became of operations that came.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) added: Vec<OperationId>,
    pub(crate) refused: bool,
}

impl Replica {
    /// Takes operations of others in, and everything that follows from them.
    pub(crate) fn take_operations(
        &mut self,
        work: &mut Work<'_>,
        operations: Vec<Operation>,
    ) -> Result<Taken, AlbumError> {
        let mut taken = Taken::default();
        for operation in operations {
            match self.insert(operation) {
                Inserted::Added(ids) => taken.added.extend(ids),
                Inserted::Known | Inserted::Pending => {}
                Inserted::Refused(_) => taken.refused = true,
            }
        }
        for id in &taken.added {
            let Some(operation) = self.operations.get(id) else { continue };
            rows::insert_certificate(work.conn, operation.certificate())?;
            rows::insert_operation(work.conn, self.row, operation, work.now_ms)?;
        }
        if !taken.added.is_empty() {
            self.refresh(work)?;
            self.repeat_lost(work)?;
        }
        Ok(taken)
    }

    /// Does something to the membership ourselves.
    pub(crate) fn operate(&mut self, work: &mut Work<'_>, action: Action) -> Result<(), AlbumError> {
        let household = work.keys.household();
        self.membership.may(&household, &action)?;
        let parents = next_parents(&self.operations, &self.membership, &household);
        let (signer, certificate) = (&work.keys.signer, &work.keys.certificate);
        let operation = Operation::sign(signer, certificate, Some(self.space), parents, action, work.now_ms)?;
        match self.take_operations(work, vec![operation])?.refused {
            true => Err(AlbumError::Full("changes of who is in it")),
            false => Ok(()),
        }
    }

    /// Announces a receive key that this home holds, when the album names one that it doesn't: the disk was put back from
    /// a copy that is older than the key. To be called after operations of others came.
    pub(crate) fn ensure_receives(&mut self, work: &mut Work<'_>) -> Result<(), AlbumError> {
        let Some(member) = self.membership.members.get(&work.keys.household()) else { return Ok(()) };
        let mut ours = work.keys.receive.iter().map(ReceiveKey::public);
        let Some(newest) = work.keys.receive.first().map(ReceiveKey::public) else { return Ok(()) };
        if ours.any(|key| key == member.receive) {
            return Ok(());
        }
        match self.operate(work, Action::Renew { receive: newest }) {
            Err(AlbumError::Refused(_) | AlbumError::Full(_)) | Ok(()) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Draws the consequences of new operations.
    pub(crate) fn refresh(&mut self, work: &mut Work<'_>) -> Result<(), AlbumError> {
        self.note_households();
        self.membership = Arc::new(evaluate(&self.operations));
        self.learn_secrets(work)?;
        self.recount(work)?;
        self.open_sealed(work)?;
        work.changed(Changed::Members);
        projection::activity::members(work, self)
    }

    /// Gets the secrets that the known operations hold for us.
    fn learn_secrets(&mut self, work: &mut Work<'_>) -> Result<(), AlbumError> {
        let missing = self.epochs_missing();
        if missing.is_empty() {
            return Ok(());
        }
        let ours = work.keys.household();
        let mut found: Vec<EpochSecret> = Vec::new();
        for epoch in self.membership.epochs.iter().filter(|epoch| missing.contains(&epoch.id)) {
            let Some(Action::Rekey(rekey)) = self.operations.get(&epoch.operation).map(Operation::action)
            else {
                continue;
            };
            let wrap = rekey.wraps.iter().find(|(household, _)| *household == ours);
            let opened = wrap.and_then(|(_, sealed)| unwrap(work, &self.space, &epoch.id, sealed));
            found.extend(opened);
        }
        self.keep_secrets(work, found)?;
        self.disclose(work)
    }

    /// Gets older secrets out of the newer ones that hold them.
    fn disclose(&mut self, work: &mut Work<'_>) -> Result<(), AlbumError> {
        loop {
            let mut found = Vec::new();
            for epoch in &self.membership.epochs {
                let Some(secret) = self.secrets.get(&epoch.id) else { continue };
                let action = self.operations.get(&epoch.operation).map(Operation::action);
                let Some(Action::Rekey(rekey)) = action else { continue };
                for (previous, sealed) in &rekey.previous {
                    if !self.secrets.contains_key(previous) {
                        found.extend(secret.disclose(&self.space, previous, sealed));
                    }
                }
            }
            if found.is_empty() {
                return Ok(());
            }
            self.keep_secrets(work, found)?;
        }
    }

    fn keep_secrets(&mut self, work: &mut Work<'_>, secrets: Vec<EpochSecret>) -> Result<(), AlbumError> {
        for secret in secrets {
            rows::insert_secret(work.conn, self.row, &secret)?;
            self.secrets.insert(secret.id(), secret);
            work.changed(Changed::Epochs);
        }
        Ok(())
    }

    /// Takes in secrets that another member wrapped to us. Gives how many were good and new.
    pub(crate) fn take_secrets(
        &mut self,
        work: &mut Work<'_>,
        wraps: &[(EpochId, Vec<u8>)],
    ) -> Result<usize, AlbumError> {
        let missing = self.epochs_missing();
        let wanted = wraps.iter().filter(|(epoch, _)| missing.contains(epoch));
        let found: Vec<EpochSecret> =
            wanted.filter_map(|(epoch, sealed)| unwrap(work, &self.space, epoch, sealed)).collect();
        let count = found.len();
        if count > 0 {
            self.keep_secrets(work, found)?;
            self.disclose(work)?;
            self.open_sealed(work)?;
            self.repeat_lost(work)?;
        }
        Ok(count)
    }

    /// Wraps the secrets of these epochs to a member's receive key.
    pub(crate) fn wraps_for(
        &self,
        random: &dyn Fn() -> [u8; 32],
        household: &HouseholdId,
        epochs: &[EpochId],
    ) -> Vec<(EpochId, Vec<u8>)> {
        let Some(member) = self.membership.members.get(household) else { return Vec::new() };
        let secrets = epochs.iter().filter_map(|epoch| self.secrets.get(epoch));
        let wrap = |secret: &EpochSecret| {
            let sealed = secret.wrap(&self.space, &member.receive, random()).ok()?;
            Some((secret.id(), sealed))
        };
        secrets.filter_map(wrap).collect()
    }

    /// Opens what waited for a secret or an operation.
    pub(crate) fn open_sealed(&mut self, work: &mut Work<'_>) -> Result<(), AlbumError> {
        let mut after = 0;
        loop {
            let sealed = rows::sealed(work.conn, self.row, after, SEALED_BATCH)?;
            let Some((last, _)) = sealed.last() else { return Ok(()) };
            after = last.number;
            let mut fresh = Vec::new();
            for (stored, envelope) in sealed {
                fresh.extend(self.open(work.conn, stored, &envelope)?);
            }
            self.admit(work, fresh)?;
        }
    }

    /// The secret to encrypt under, after a new epoch was begun if one is due.
    pub(crate) fn writing_secret(&mut self, work: &mut Work<'_>) -> Result<EpochSecret, AlbumError> {
        // Several newest epochs past the limit take several turns.
        for _ in 0..8 {
            let epoch = self.membership.writing_epoch(&self.operations);
            if let Some(secret) = epoch.and_then(|epoch| self.secrets.get(&epoch)) {
                return Ok(secret.clone());
            }
            self.rekey(work)?;
        }
        Err(AlbumError::Full("changes of its locks"))
    }

    fn rekey(&mut self, work: &mut Work<'_>) -> Result<(), AlbumError> {
        let known: BTreeMap<EpochId, EpochSecret> = self.secrets.clone();
        let mut random = |bytes: &mut [u8]| (work.random)(bytes);
        let epoch = plan_rekey(&self.operations, &self.membership, &known, &mut random);
        self.keep_secrets(work, vec![epoch.secret])?;
        self.operate(work, Action::Rekey(epoch.rekey))
    }
}

fn unwrap(
    work: &Work<'_>,
    space: &heirloom_identity::SpaceId,
    epoch: &EpochId,
    sealed: &[u8],
) -> Option<EpochSecret> {
    work.keys.receive.iter().find_map(|key| EpochSecret::unwrap_with(space, key, epoch, sealed).ok())
}
