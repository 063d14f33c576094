//! A loaded document: the changes that count, applied; and the index of all that could.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::legacy::{Key as OpKey, OpId};
use automerge::{
    ActorId, AutoCommit, AutomergeError, Change, ChangeHash, ObjId as ExId, PatchAction, Prop, ROOT, ReadDoc,
    ScalarValue, Value,
    transaction::{CommitOptions, Transactable},
};

use crate::replica::index::Index;

/// After how many changes a snapshot is renewed.
const SNAPSHOT_EVERY_CHANGES: usize = 256;
/// After how many bytes of changes a snapshot is renewed, and never before they are half of it.
const SNAPSHOT_EVERY_BYTES: usize = 1024 * 1024;

/// A document.
pub(crate) struct Document {
    pub(crate) doc: AutoCommit,
    pub(crate) index: Index,
    unsaved_changes: usize,
    unsaved_bytes: usize,
    saved_bytes: usize,
}

/// Automerge didn't take some changes.
#[derive(Debug)]
pub(crate) struct NotTaken;

impl Document {
    /// An empty document with this index.
    pub(crate) fn empty(index: Index) -> Self {
        Self { doc: AutoCommit::new(), index, unsaved_changes: 0, unsaved_bytes: 0, saved_bytes: 0 }
    }

    /// A document from its snapshot.
    pub(crate) fn restore(saved: &[u8], index: Index) -> Result<Self, NotTaken> {
        let doc = catch_unwind(AssertUnwindSafe(|| AutoCommit::load(saved).ok())).ok().flatten();
        let mut doc = doc.ok_or(NotTaken)?;
        doc.update_diff_cursor();
        Ok(Self { doc, index, unsaved_changes: 0, unsaved_bytes: 0, saved_bytes: saved.len() })
    }

    /// Applies changes and gives the keys that changed. After a failure the document must be built again.
    pub(crate) fn apply(&mut self, changes: Vec<Change>) -> Result<Vec<String>, NotTaken> {
        self.unsaved_changes += changes.len();
        self.unsaved_bytes += changes.iter().map(|change| change.raw_bytes().len()).sum::<usize>();
        let hashes: Vec<ChangeHash> = changes.iter().map(Change::hash).collect();
        let replaced: Vec<_> =
            changes.iter().map(|change| (change.deps().to_vec(), replaced_by(change))).collect();
        // Automerge checks what it reads, but wasn't written against people who mean harm.
        let applied = catch_unwind(AssertUnwindSafe(|| {
            self.doc.apply_changes_batch(changes).ok()?;
            let all_in = hashes.iter().all(|hash| self.doc.get_change_meta_by_hash(hash).is_some());
            let honest = replaced.iter().all(|(deps, named)| self.stood(deps, named));
            (all_in && honest).then(|| self.changed())
        }));
        applied.ok().flatten().ok_or(NotTaken)
    }

    /// Whether what a change says that it replaces stood at those keys where it was made. Automerge doesn't look: it would
    /// take away what stands at other keys too, and not the same everywhere.
    fn stood(&self, deps: &[ChangeHash], named: &[(String, OpId)]) -> bool {
        named.iter().all(|(key, id)| {
            let before = self.doc.get_all_at(ROOT, key.as_str(), deps).unwrap_or_default();
            let is_same =
                |there: &ExId| matches!(there, ExId::Id(n, by, _) if *n == id.counter() && by == id.actor());
            before.iter().any(|(_, there)| is_same(there))
        })
    }

    /// The keys that changed since the last call.
    fn changed(&mut self) -> Vec<String> {
        let keys = self.doc.diff_incremental().into_iter().filter_map(|patch| match patch.action {
            PatchAction::PutMap { key, .. } | PatchAction::DeleteMap { key } => Some(key),
            PatchAction::Increment { prop: Prop::Map(key), .. }
            | PatchAction::Conflict { prop: Prop::Map(key) } => Some(key),
            _ => None,
        });
        keys.collect()
    }

    pub(crate) fn get(&self, key: &str) -> Option<ScalarValue> {
        match self.doc.get(ROOT, key) {
            Ok(Some((Value::Scalar(value), _))) => Some(value.into_owned()),
            _ => None,
        }
    }

    /// Who wrote what stands at a key: the operation's number and its actor.
    pub(crate) fn written_by(&self, key: &str) -> Option<(u64, Vec<u8>)> {
        match self.doc.get(ROOT, key) {
            Ok(Some((_, ExId::Id(number, actor, _)))) => Some((number, actor.to_bytes().to_vec())),
            _ => None,
        }
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.doc.keys(ROOT).collect()
    }

    /// Puts or deletes as this actor and closes the change. `None` when nothing changed; else the change and its keys.
    pub(crate) fn write(
        &mut self,
        actor: [u8; 16],
        puts: &[(String, Option<ScalarValue>)],
        at_ms: i64,
    ) -> Result<Option<(Change, Vec<String>)>, AutomergeError> {
        self.doc.set_actor(ActorId::from(actor));
        for (key, value) in puts {
            match (self.get(key), value) {
                (None, None) => {}
                (Some(_), None) => self.doc.delete(ROOT, key.as_str())?,
                (Some(old), Some(new)) if old == *new => {}
                (_, Some(new)) => self.doc.put(ROOT, key.as_str(), new.clone())?,
            }
        }
        // Automerge counts a commit's time in seconds.
        if self.doc.commit_with(CommitOptions::default().with_time(at_ms.div_euclid(1000))).is_none() {
            return Ok(None);
        }
        let Some(change) = self.doc.get_last_local_change() else { return Ok(None) };
        self.unsaved_changes += 1;
        self.unsaved_bytes += change.raw_bytes().len();
        Ok(Some((change, self.changed())))
    }

    /// The document saved, when it is time for that.
    pub(crate) fn snapshot_when_due(&mut self) -> Option<Vec<u8>> {
        let many = self.unsaved_changes >= SNAPSHOT_EVERY_CHANGES;
        let large = self.unsaved_bytes >= SNAPSHOT_EVERY_BYTES.max(self.saved_bytes / 2);
        (many || large).then(|| self.save())
    }

    pub(crate) fn save(&mut self) -> Vec<u8> {
        // Hashes, which most of it is, don't get smaller.
        let saved = self.doc.save_nocompress();
        (self.unsaved_changes, self.unsaved_bytes, self.saved_bytes) = (0, 0, saved.len());
        saved
    }

    /// Tries these changes one after the other on an empty document. Gives which of them Automerge doesn't take, but for
    /// those that depend on one of these.
    pub(crate) fn trial(
        order: &[ChangeHash],
        changes: &HashMap<ChangeHash, Change>,
    ) -> (Self, Vec<ChangeHash>) {
        let mut trial = Self::empty(Index::default());
        let mut taken: Vec<Change> = Vec::new();
        let (mut refused, mut left_out) = (Vec::new(), HashSet::new());
        for hash in order {
            let Some(change) = changes.get(hash) else { continue };
            if change.deps().iter().any(|dep| left_out.contains(dep)) {
                left_out.insert(*hash);
                continue;
            }
            if trial.apply(vec![change.clone()]).is_ok() {
                taken.push(change.clone());
                continue;
            }
            refused.push(*hash);
            left_out.insert(*hash);
            trial = Self::empty(Index::default());
            // What was taken one by one before is taken again.
            drop(trial.apply(taken.clone()));
        }
        (trial, refused)
    }
}

/// The operations that a change says it replaces, with the keys it does so at; but for its own earlier ones there.
fn replaced_by(change: &Change) -> Vec<(String, OpId)> {
    let mut own: HashMap<u64, String> = HashMap::new();
    let mut replaced = Vec::new();
    for (number, operation) in (change.start_op().get()..).zip(change.decode().operations) {
        let OpKey::Map(key) = operation.key else { continue };
        let key = key.to_string();
        for id in operation.pred.iter() {
            let is_own = id.actor() == change.actor_id() && own.get(&id.counter()) == Some(&key);
            if !is_own {
                replaced.push((key.clone(), id.clone()));
            }
        }
        own.insert(number, key);
    }
    replaced
}
