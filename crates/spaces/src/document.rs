//! One Automerge document of marks: a flat map at the root, `<asset id>/<field>` → value.
//!
//! There is no nested map to create, so two writers can never create one each and hide the other's. Reading the marks
//! of an asset looks up its few keys; nothing here walks a document but [`Document::all`].

use std::collections::BTreeMap;

use automerge::{
    ActorId, AutoCommit, AutomergeError, Change, ChangeHash, ROOT, ReadDoc, ScalarValue, Value,
    legacy::{Key, OpType},
    transaction::CommitOptions,
    transaction::Transactable,
};
use heirloom_identity::{AssetId, ContentHash, StreamId};

use crate::marks::{Field, MarkChange, Marks};

/// What the hash starts with that names an actor after damage.
const ACTOR_LABEL: &[u8] = b"heirloom library actor after damage v1\0";

/// A loaded document.
#[derive(Clone)]
pub(crate) struct Document {
    doc: AutoCommit,
    /// How many changes it holds that its snapshot doesn't.
    pub(crate) changes_unsaved: usize,
}

impl Document {
    pub(crate) fn empty() -> Self {
        Self { doc: AutoCommit::new(), changes_unsaved: 0 }
    }

    pub(crate) fn load(saved: &[u8]) -> Result<Self, AutomergeError> {
        Ok(Self { doc: AutoCommit::load(saved)?, changes_unsaved: 0 })
    }

    pub(crate) fn save(&mut self) -> Vec<u8> {
        self.changes_unsaved = 0;
        self.doc.save()
    }

    /// Writes as this actor from now on.
    pub(crate) fn write_as(&mut self, actor: [u8; 16]) {
        self.doc.set_actor(ActorId::from(actor));
    }

    /// Applies changes; those that build on a change which isn't there wait unseen.
    pub(crate) fn apply(&mut self, changes: Vec<Change>) -> Result<(), AutomergeError> {
        self.changes_unsaved += changes.len();
        self.doc.apply_changes(changes)
    }

    /// Whether the change is part of what is seen.
    pub(crate) fn contains(&mut self, change: &ChangeHash) -> bool {
        self.doc.get_change_meta_by_hash(change).is_some()
    }

    /// Makes a decision part of the next commit. Writes nothing when it changes nothing.
    pub(crate) fn write(&mut self, asset: &AssetId, change: &MarkChange) -> Result<(), AutomergeError> {
        let key = change.field().key(asset);
        self.put(key, change.value())
    }

    /// Whether somebody decided about the same thing before; a decision that was taken back is none.
    pub(crate) fn is_decided(&self, asset: &AssetId, change: &MarkChange) -> Result<bool, AutomergeError> {
        Ok(self.doc.get(ROOT, change.field().key(asset))?.is_some())
    }

    /// Repeats the operations of a change that can't be applied, as part of the next commit.
    pub(crate) fn repeat(&mut self, change: &Change) -> Result<(), AutomergeError> {
        for op in change.decode().operations {
            let Key::Map(key) = op.key else { continue };
            match op.action {
                OpType::Put(value) => self.put(key.to_string(), Some(value))?,
                OpType::Delete => self.put(key.to_string(), None)?,
                OpType::Make(_) | OpType::Increment(_) | OpType::MarkBegin(..) | OpType::MarkEnd(_) => {}
            }
        }
        Ok(())
    }

    fn put(&mut self, key: String, value: Option<ScalarValue>) -> Result<(), AutomergeError> {
        let present = self.doc.get(ROOT, key.as_str())?.map(|(value, _)| value.to_owned());
        match (present, value) {
            (None, None | Some(ScalarValue::Boolean(false))) => Ok(()),
            (Some(_), None) => self.doc.delete(ROOT, key),
            (Some(Value::Scalar(old)), Some(new)) if *old == new => Ok(()),
            (_, Some(new)) => self.doc.put(ROOT, key, new),
        }
    }

    /// Closes the changes since the last commit and gives their bytes, or `None` when there were none.
    pub(crate) fn commit(&mut self, at_ms: i64) -> Option<Vec<u8>> {
        // Automerge counts a commit's time in seconds.
        let options = CommitOptions::default().with_time(at_ms.div_euclid(1000));
        self.doc.commit_with(options)?;
        self.changes_unsaved += 1;
        self.doc.get_last_local_change().map(|change| change.raw_bytes().to_vec())
    }

    /// The marks of one asset.
    pub(crate) fn marks(&self, asset: &AssetId) -> Result<Marks, AutomergeError> {
        let mut marks = Marks::default();
        for field in Field::ALL {
            if let Some((Value::Scalar(value), _)) = self.doc.get(ROOT, field.key(asset))? {
                marks.read(field, &value);
            }
        }
        Ok(marks)
    }

    /// The marks of every asset that has any.
    pub(crate) fn all(&self) -> BTreeMap<AssetId, Marks> {
        let mut all: BTreeMap<AssetId, Marks> = BTreeMap::new();
        for item in self.doc.map_range(ROOT, ..) {
            let Some((asset, field)) = Field::of_key(&item.key) else { continue };
            if let Value::Scalar(value) = Value::from(item.value) {
                all.entry(asset).or_default().read(field, &value);
            }
        }
        all
    }
}

/// Who writes to a document: the stream itself, or, after a record of this stream and document was set aside, an actor
/// named by the last one of them. Automerge counts an actor's changes, and the numbers of changes set aside are taken:
/// another copy may still hold them.
pub(crate) fn actor(stream: &StreamId, set_aside: Option<u64>) -> [u8; 16] {
    let Some(seq) = set_aside else { return *stream.as_bytes() };
    let hash = ContentHash::of(&[ACTOR_LABEL, stream.as_bytes(), &seq.to_le_bytes()].concat());
    let mut actor = [0; 16];
    actor.copy_from_slice(&hash.as_bytes()[..16]);
    actor
}
