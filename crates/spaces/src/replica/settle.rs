//! Makes a document show exactly the changes that count.

use std::collections::{BTreeSet, HashMap};

use automerge::{Change, ChangeHash};
use heirloom_identity::{Content, CutEntry, Envelope, HouseholdId, Role};
use heirloom_store::rusqlite::Connection;

use crate::albums::AlbumError;
use crate::documents::{Home, Kind, change};
use crate::membership::{Admission, Authored, Verdict};
use crate::projection;
use crate::replica::{
    Replica, Work,
    chains::Tree,
    document::{Document, NotTaken},
    index::{Index, Node},
    rows::{self, Shape, Stored},
};

/// An envelope that was opened and holds a lawful change.
pub(crate) struct Fresh {
    pub(crate) stored: Stored,
    pub(crate) kind: Kind,
    pub(crate) shape: Shape,
    pub(crate) change: Change,
    pub(crate) content: Content,
}

/// What there is in an envelope.
pub(crate) enum Opened {
    /// Nobody here can say yet.
    Sealed,
    /// A change that may count.
    Lawful(Box<Lawful>),
    /// Nothing that could ever count.
    Unlawful(Option<Content>),
}

/// A lawful change.
pub(crate) struct Lawful {
    kind: Kind,
    change: Change,
    content: Content,
    pub(crate) needs: Role,
}

impl Replica {
    /// Opens an envelope that is stored. `None` when it stays sealed, or holds nothing that could count.
    pub(crate) fn open(
        &self,
        conn: &Connection,
        stored: Stored,
        envelope: &Envelope,
    ) -> Result<Option<Fresh>, AlbumError> {
        match self.look_into(envelope, &stored.household) {
            Opened::Sealed => Ok(None),
            Opened::Unlawful(content) => {
                let name = content.as_ref().map_or("", |content| content.document.as_str());
                let account = content.as_ref().map(|content| content.account.as_bytes());
                let at_ms = content.as_ref().map_or(0, |content| content.at_ms);
                rows::describe(conn, stored.number, name, None, account, at_ms)?;
                Ok(None)
            }
            Opened::Lawful(lawful) => {
                let Lawful { kind, change, content, needs } = *lawful;
                let shape = Shape::of(&change, needs);
                Ok(Some(Fresh { stored, kind, shape, change, content }))
            }
        }
    }

    /// Opens an envelope of a household.
    pub(crate) fn look_into(&self, envelope: &Envelope, household: &HouseholdId) -> Opened {
        let secret = self.secrets.get(&envelope.epoch());
        let known = envelope.heads().iter().all(|head| self.operations.contains(head));
        let Some(secret) = secret.filter(|_| known) else { return Opened::Sealed };
        let Ok(content) = envelope.open(&self.space, secret) else { return Opened::Unlawful(None) };
        let Some(kind) = Kind::of(content.document.as_str()) else { return Opened::Unlawful(Some(content)) };
        let actor = envelope.stream().actor();
        match change::read(kind, Home::of(household), &actor, &content.change) {
            Ok(change::Lawful { change, needs }) => {
                Opened::Lawful(Box::new(Lawful { kind, change, content, needs }))
            }
            Err(_) => Opened::Unlawful(Some(content)),
        }
    }

    /// Takes in freshly opened envelopes.
    pub(crate) fn admit(&mut self, work: &mut Work<'_>, fresh: Vec<Fresh>) -> Result<(), AlbumError> {
        for kind in Kind::ALL {
            if fresh.iter().any(|one| one.kind == kind) {
                self.ensure(work, kind)?;
            }
        }
        for one in &fresh {
            let account = Some(one.content.account.as_bytes());
            rows::describe(
                work.conn,
                one.stored.number,
                one.kind.name(),
                Some(&one.shape),
                account,
                one.content.at_ms,
            )?;
        }
        let mut by_kind: HashMap<Kind, Vec<Fresh>> = HashMap::new();
        fresh.into_iter().for_each(|one| by_kind.entry(one.kind).or_default().push(one));
        for kind in Kind::ALL {
            if let Some(fresh) = by_kind.remove(&kind) {
                self.admit_to(work, kind, fresh)?;
            }
        }
        Ok(())
    }

    fn admit_to(&mut self, work: &mut Work<'_>, kind: Kind, fresh: Vec<Fresh>) -> Result<(), AlbumError> {
        let mut document =
            self.documents.remove(&kind).ok_or(AlbumError::Damaged("a document was not loaded"))?;
        for stream in fresh.iter().map(|one| one.stored.stream).collect::<BTreeSet<_>>() {
            if rows::is_forked(work.conn, self.row, stream)? {
                document.index.trees.insert(stream, Tree::read(work.conn, stream)?);
            }
        }
        let mut admission = Admission::new(&self.operations);
        let trees = &document.index.trees;
        let nodes: Vec<Node> =
            fresh.iter().map(|one| node(&mut admission, trees, &one.stored, &one.shape)).collect();
        let mut added = Vec::new();
        let mut rest = nodes.into_iter().peekable();
        while document.index.is_plain()
            && let Some(node) = rest.next_if(|node| document.index.follows(node))
        {
            added.push(node.hash);
            document.index.append(node);
        }
        let mut lost = false;
        if rest.peek().is_some() {
            let mut before = document.index.counted.clone();
            for hash in &added {
                before.remove(hash);
            }
            rest.for_each(|node| document.index.insert(node));
            let order = document.index.count();
            lost = is_lost(&before, &document.index);
            added = order.into_iter().filter(|hash| !before.contains(hash)).collect();
        }
        let known = fresh.into_iter().map(|one| (one.shape.hash, one.change)).collect();
        let document = self.settle(work, kind, document, lost, &added, known)?;
        self.documents.insert(kind, document);
        Ok(())
    }

    /// Counts every document again, after operations or forks came.
    pub(crate) fn recount(&mut self, work: &mut Work<'_>) -> Result<(), AlbumError> {
        for kind in Kind::ALL {
            let (mut index, before) = self.index(work.conn, kind)?;
            let order = index.count();
            if index.counted == before {
                if let Some(document) = self.documents.get_mut(&kind) {
                    document.index = index;
                }
                continue;
            }
            self.ensure(work, kind)?;
            let mut document =
                self.documents.remove(&kind).ok_or(AlbumError::Damaged("a document was not loaded"))?;
            document.index = index;
            let lost = is_lost(&before, &document.index);
            let added: Vec<_> = order.into_iter().filter(|hash| !before.contains(hash)).collect();
            let document = self.settle(work, kind, document, lost, &added, HashMap::new())?;
            self.documents.insert(kind, document);
        }
        Ok(())
    }

    /// Loads a document if it isn't.
    pub(crate) fn ensure(&mut self, work: &mut Work<'_>, kind: Kind) -> Result<(), AlbumError> {
        if self.documents.contains_key(&kind) {
            return Ok(());
        }
        let (mut index, before) = self.index(work.conn, kind)?;
        let order = index.count();
        // As it was left: what counts by now beyond that is applied after.
        let snapshot = rows::snapshot(work.conn, self.row, kind.name())?;
        let restored = snapshot.and_then(|saved| Document::restore(&saved, Index::default()).ok());
        let document = match restored {
            Some(mut document) => {
                let unsaved = rows::unsaved(work.conn, self.row, kind.name())?;
                let changes = unsaved.into_iter().map(|number| self.change(work.conn, number));
                let changes = changes.collect::<Result<Vec<_>, _>>()?;
                document.apply(changes).ok().map(|_| document)
            }
            None => None,
        };
        let document = match document {
            Some(mut document) => {
                document.index = index;
                let lost = is_lost(&before, &document.index);
                let added: Vec<_> = order.into_iter().filter(|hash| !before.contains(hash)).collect();
                self.settle(work, kind, document, lost, &added, HashMap::new())?
            }
            None => {
                let document = Document::empty(index);
                self.rebuild(work, kind, document)?
            }
        };
        self.documents.insert(kind, document);
        Ok(())
    }

    /// Every change that could count, and those that did.
    fn index(&self, conn: &Connection, kind: Kind) -> Result<(Index, BTreeSet<ChangeHash>), AlbumError> {
        let mut index = Index::default();
        index.trees = Tree::of_album(conn, self.row)?;
        let mut counted = BTreeSet::new();
        let mut admission = Admission::new(&self.operations);
        for (stored, shape, was_counted) in rows::shapes(conn, self.row, kind.name())? {
            if was_counted {
                counted.insert(shape.hash);
            }
            let node = node(&mut admission, &index.trees, &stored, &shape);
            index.insert(node);
        }
        Ok((index, counted))
    }

    /// What is in a stored envelope that was opened before.
    pub(crate) fn content(&self, conn: &Connection, number: i64) -> Result<Option<Content>, AlbumError> {
        let Some(envelope) = rows::envelope(conn, number)? else { return Ok(None) };
        let Some(secret) = self.secrets.get(&envelope.epoch()) else { return Ok(None) };
        Ok(Some(envelope.open(&self.space, secret)?))
    }

    fn change(&self, conn: &Connection, number: i64) -> Result<Change, AlbumError> {
        let content = self.content(conn, number)?;
        content
            .and_then(|content| Change::from_bytes(content.change).ok())
            .ok_or(AlbumError::Damaged("a change that counted can't be read any more"))
    }

    /// Makes a document show what its index counted: what was added, or, when something was lost, all of it anew.
    fn settle(
        &self,
        work: &mut Work<'_>,
        kind: Kind,
        mut document: Document,
        lost: bool,
        added: &[ChangeHash],
        mut known: HashMap<ChangeHash, Change>,
    ) -> Result<Document, AlbumError> {
        if lost {
            return self.rebuild(work, kind, document);
        }
        if added.is_empty() {
            return Ok(document);
        }
        let mut changes = Vec::with_capacity(added.len());
        for hash in added {
            let number = document.index.nodes[hash].envelopes[0];
            changes.push(match known.remove(hash) {
                Some(change) => change,
                None => self.change(work.conn, number)?,
            });
        }
        for change in &changes {
            self.now_counts(work, kind, &document, change)?;
        }
        let Ok(keys) = document.apply(changes) else { return self.rebuild(work, kind, document) };
        projection::project(work, self, kind, &document, &keys)?;
        if let Some(saved) = document.snapshot_when_due() {
            rows::save_document(work.conn, self.row, kind.name(), &saved)?;
        }
        Ok(document)
    }

    fn now_counts(
        &self,
        work: &Work<'_>,
        kind: Kind,
        document: &Document,
        change: &Change,
    ) -> Result<(), AlbumError> {
        for number in &document.index.nodes[&change.hash()].envelopes {
            rows::set_counted(work.conn, *number, true)?;
        }
        let first = document.index.nodes[&change.hash()].envelopes[0];
        projection::activity::add(work, self.row, kind, first, change)
    }

    /// Builds a document anew from its envelopes. A change that Automerge doesn't take is put aside for good.
    fn rebuild(
        &self,
        work: &mut Work<'_>,
        kind: Kind,
        mut document: Document,
    ) -> Result<Document, AlbumError> {
        rows::drop_snapshot(work.conn, self.row, kind.name())?;
        let mut changes: HashMap<ChangeHash, Change> = HashMap::new();
        loop {
            let order = document.index.count();
            for hash in &order {
                if !changes.contains_key(hash) {
                    changes.insert(*hash, self.change(work.conn, document.index.nodes[hash].envelopes[0])?);
                }
            }
            let mut built = Document::empty(std::mem::take(&mut document.index));
            let in_order = order.iter().filter_map(|hash| changes.get(hash).cloned()).collect();
            match built.apply(in_order) {
                Ok(_) => return self.built(work, kind, built, &changes),
                Err(NotTaken) => {
                    document.index = built.index;
                    let (trial, refused) = Document::trial(&order, &changes);
                    if refused.is_empty() {
                        // One by one it took them all.
                        let mut built = trial;
                        built.index = document.index;
                        return self.built(work, kind, built, &changes);
                    }
                    for hash in refused {
                        self.put_aside(work.conn, kind, &mut document.index, &hash)?;
                    }
                }
            }
        }
    }

    fn built(
        &self,
        work: &mut Work<'_>,
        kind: Kind,
        mut built: Document,
        changes: &HashMap<ChangeHash, Change>,
    ) -> Result<Document, AlbumError> {
        self.mark_counted(work, kind, &built, changes)?;
        projection::project_all(work, self, kind, &built)?;
        let saved = built.save();
        rows::save_document(work.conn, self.row, kind.name(), &saved)?;
        Ok(built)
    }

    fn put_aside(
        &self,
        conn: &Connection,
        kind: Kind,
        index: &mut Index,
        hash: &ChangeHash,
    ) -> Result<(), AlbumError> {
        let Some(node) = index.nodes.remove(hash) else { return Ok(()) };
        for number in node.envelopes {
            rows::describe(conn, number, kind.name(), None, None, 0)?;
            rows::set_counted(conn, number, false)?;
            projection::activity::remove(conn, self.row, number)?;
        }
        Ok(())
    }

    /// Writes down which envelopes of a document count, and what happened in those that newly do or no longer do.
    fn mark_counted(
        &self,
        work: &Work<'_>,
        kind: Kind,
        document: &Document,
        changes: &HashMap<ChangeHash, Change>,
    ) -> Result<(), AlbumError> {
        let mut seen = BTreeSet::new();
        for (stored, shape, was) in rows::shapes(work.conn, self.row, kind.name())? {
            let is = document.index.counted.contains(&shape.hash);
            if is != was {
                rows::set_counted(work.conn, stored.number, is)?;
            }
            if was && !is {
                projection::activity::remove(work.conn, self.row, stored.number)?;
            }
            if is && !was && seen.insert(shape.hash) {
                let change = &changes[&shape.hash];
                projection::activity::add(work, self.row, kind, stored.number, change)?;
            }
        }
        Ok(())
    }
}

impl Shape {
    pub(crate) fn of(change: &Change, needs: Role) -> Self {
        Self {
            hash: change.hash(),
            seq: change.seq(),
            first_op: change.start_op().get(),
            last_op: change.max_op(),
            deps: change.deps().to_vec(),
            needs: Some(needs.number()),
        }
    }
}

/// Whether something that counted no longer does.
fn is_lost(before: &BTreeSet<ChangeHash>, index: &Index) -> bool {
    before.iter().any(|hash| !index.counted.contains(hash))
}

/// The node of an opened envelope in its document's index.
fn node(admission: &mut Admission<'_>, trees: &HashMap<i64, Tree>, stored: &Stored, shape: &Shape) -> Node {
    let needs = shape.needs.and_then(Role::from_number).unwrap_or(Role::Owner);
    let authored = Authored {
        household: stored.household,
        heads: &stored.heads,
        stream: stored.key,
        seq: stored.seq,
        hash: stored.hash,
    };
    // In a stream without forks an end that isn't here yet is farther on: envelopes come in the order of their chain.
    let tree = trees.get(&stored.stream);
    let leads_to = |entry: &CutEntry| tree.is_none_or(|tree| tree.leads_to(&stored.hash, &entry.hash));
    let verdict = admission.admit(&authored, needs, leads_to);
    Node {
        hash: shape.hash,
        envelopes: vec![stored.number],
        places: vec![(stored.seq, stored.hash)],
        household: stored.household,
        stream: stored.stream,
        seq: shape.seq,
        first_op: shape.first_op,
        last_op: shape.last_op,
        deps: shape.deps.clone(),
        direct: verdict == Verdict::Counts,
    }
}
