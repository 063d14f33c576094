//! Our own edits: checked, written into documents, encrypted, signed, stored.

use std::collections::BTreeMap;

use automerge::{Change, ScalarValue, legacy::OpType};
use heirloom_identity::{
    AccountId, Content, ContentHash, Envelope, EnvelopeHash, Header, HouseholdId, Role, StreamId, StreamKey,
    envelope::CHANGE_BYTES_MAX,
};
use heirloom_store::rusqlite::{OptionalExtension, named_params};

use crate::albums::{AlbumEdit, AlbumError, CommentId};
use crate::documents::{Home, Key, Kind, Sort, change::key_of, entry::EntryFacts, order, talk};
use crate::membership::next_parents;
use crate::projection;
use crate::replica::{
    OwnStream, Replica, Work,
    index::Node,
    rows::{self, Shape},
};

/// How many keys one change puts.
const CHANGE_KEYS_MAX: usize = 500;
/// How many decisions one call may bring.
pub(crate) const EDITS_MAX: usize = 10_000;
/// How long a title may be, in characters.
pub(crate) const TITLE_CHARS_MAX: usize = 200;
/// How long a description or a caption may be, in characters.
pub(crate) const TEXT_CHARS_MAX: usize = 10_000;
/// How many entries an album has at most.
pub(crate) const ENTRIES_MAX: u64 = 200_000;

/// A key and its new value.
type Put = (Key, Option<ScalarValue>);
/// Takes what one edit puts, if the account may do that.
type PutOne<'a> = dyn FnMut(Kind, Key, Option<ScalarValue>) -> Result<(), AlbumError> + 'a;

impl Replica {
    /// Makes decisions, all of them or none.
    pub(crate) fn edit(
        &mut self,
        work: &mut Work<'_>,
        account: AccountId,
        edits: &[AlbumEdit],
    ) -> Result<(), AlbumError> {
        if edits.len() > EDITS_MAX {
            return Err(AlbumError::Bounds("list of edits"));
        }
        let mut puts: Vec<(Kind, Put)> = Vec::new();
        let mut put = |kind: Kind, key: Key, value: Option<ScalarValue>| {
            self.permit(work, account, kind.needs())?;
            puts.push((kind, (key, value)));
            Ok(())
        };
        for edit in edits {
            self.puts(work, account, edit, &mut put)?;
        }
        let mut rest = puts.as_slice();
        while let Some((kind, _)) = rest.first() {
            let same = rest.iter().take(CHANGE_KEYS_MAX).take_while(|(other, _)| other == kind).count();
            let (now, later) = rest.split_at(same);
            let keys: Vec<_> = now.iter().map(|(_, (key, value))| (key.to_string(), value.clone())).collect();
            self.write(work, account, *kind, &keys)?;
            rest = later;
        }
        Ok(())
    }

    /// What an edit puts where.
    fn puts(
        &self,
        work: &Work<'_>,
        account: AccountId,
        edit: &AlbumEdit,
        put: &mut PutOne<'_>,
    ) -> Result<(), AlbumError> {
        let us = Home::of(&work.keys.household());
        match edit {
            AlbumEdit::Title(title) => {
                bounded(!title.trim().is_empty() && talk::within(title, TITLE_CHARS_MAX), "title")?;
                put(Kind::About, Key::Title, Some(title.as_str().into()))
            }
            AlbumEdit::Description(text) => {
                bounded(talk::within(text, TEXT_CHARS_MAX), "description")?;
                put(Kind::About, Key::Description, Some(text.as_str().into()))
            }
            AlbumEdit::Cover(content) => {
                put(Kind::About, Key::Cover, content.map(|content| content.to_string().into()))
            }
            AlbumEdit::Sort(sort) => put(Kind::About, Key::Sort, Some(sort.as_str().into())),
            AlbumEdit::Add(entries) => {
                self.room(work, entries)?;
                for facts in entries {
                    facts.check()?;
                    let value = ScalarValue::Bytes(facts.pack());
                    put(Kind::Entries, Key::Entry(us, facts.content), Some(value))?;
                }
                Ok(())
            }
            AlbumEdit::RemoveEntries(contents) => {
                for content in contents {
                    for home in self.adders(work, content)? {
                        self.permit_on(work, account, home, Kind::Entries)?;
                        put(Kind::Entries, Key::Entry(home, *content), None)?;
                    }
                }
                Ok(())
            }
            AlbumEdit::Caption(content, text) => {
                bounded(text.as_ref().is_none_or(|text| talk::within(text, TEXT_CHARS_MAX)), "caption")?;
                put(Kind::Entries, Key::Caption(*content), text.as_deref().map(Into::into))
            }
            AlbumEdit::Order(content, place) => {
                bounded(order::is_place(place), "place")?;
                put(Kind::Entries, Key::Order(*content), Some(place.as_str().into()))
            }
            AlbumEdit::Comment { .. }
            | AlbumEdit::DeleteComment(_)
            | AlbumEdit::React { .. }
            | AlbumEdit::Name { .. } => self.puts_of_talk(work, account, edit, put),
        }
    }

    /// What an edit of what people say puts where.
    fn puts_of_talk(
        &self,
        work: &Work<'_>,
        account: AccountId,
        edit: &AlbumEdit,
        put: &mut PutOne<'_>,
    ) -> Result<(), AlbumError> {
        let us = Home::of(&work.keys.household());
        match edit {
            AlbumEdit::Comment { entry, text } => {
                bounded(talk::is_comment(text), "comment")?;
                let said = talk::Said { account, entry: *entry, at_ms: work.now_ms, text: text.clone() };
                put(Kind::Talk, Key::Comment(us, work.random()), Some(ScalarValue::Bytes(said.pack())))
            }
            AlbumEdit::DeleteComment(id) => {
                let (home, random) = id.parts();
                self.comment(work, id)?;
                self.permit_on(work, account, home, Kind::Talk)?;
                put(Kind::Talk, Key::Comment(home, random), None)
            }
            AlbumEdit::React { entry, emoji } => {
                bounded(emoji.as_ref().is_none_or(|emoji| talk::is_emoji(emoji)), "reaction")?;
                put(Kind::Talk, Key::Reaction(us, account, *entry), emoji.as_deref().map(Into::into))
            }
            AlbumEdit::Name { name } => {
                bounded(talk::is_name(name), "name")?;
                put(Kind::People, Key::Name(us, account), Some(name.as_str().into()))
            }
            _ => Ok(()),
        }
    }

    /// Whether this account of ours may do what needs a role.
    pub(crate) fn permit(&self, work: &Work<'_>, account: AccountId, needs: Role) -> Result<(), AlbumError> {
        let member = self.membership.members.get(&work.keys.household()).ok_or(AlbumError::Ended)?;
        if member.role < needs {
            return Err(AlbumError::Role { needs, has: member.role });
        }
        if !member.accounts.is_empty() && !member.accounts.contains(&account) {
            return Err(AlbumError::Account);
        }
        Ok(())
    }

    /// Whether we may delete what belongs to this household.
    fn permit_on(
        &self,
        work: &Work<'_>,
        account: AccountId,
        home: Home,
        kind: Kind,
    ) -> Result<(), AlbumError> {
        let ours = home == Home::of(&work.keys.household());
        self.permit(work, account, if ours { kind.needs() } else { Role::Admin })
    }

    fn room(&self, work: &Work<'_>, entries: &[EntryFacts]) -> Result<(), AlbumError> {
        let count: i64 = work
            .conn
            .prepare_cached("SELECT entries FROM albums WHERE number = :album")?
            .query_row(named_params! { ":album": self.row }, |row| row.get(0))?;
        let after = rows::from_sql(count) + rows::from_sql(rows::count_to_sql(entries.len()));
        if after > ENTRIES_MAX { Err(AlbumError::Full("photos")) } else { Ok(()) }
    }

    fn adders(&self, work: &Work<'_>, content: &ContentHash) -> Result<Vec<Home>, AlbumError> {
        let mut statement = work.conn.prepare_cached(
            "SELECT household FROM album_entries WHERE album = :album AND content = :content",
        )?;
        let rows = statement
            .query_map(named_params! { ":album": self.row, ":content": content.as_bytes() }, |row| {
                Ok(Home::of(&HouseholdId::from_bytes(row.get(0)?)))
            })?;
        let homes: Vec<Home> = rows.collect::<Result<_, _>>()?;
        if homes.is_empty() { Err(AlbumError::Missing("photo")) } else { Ok(homes) }
    }

    fn comment(&self, work: &Work<'_>, id: &CommentId) -> Result<(), AlbumError> {
        work.conn
            .prepare_cached("SELECT 1 FROM album_comments WHERE album = :album AND id = :id")?
            .query_row(named_params! { ":album": self.row, ":id": id.as_bytes() }, |_| Ok(()))
            .optional()?
            .ok_or(AlbumError::Missing("comment"))
    }

    /// Writes one change to one document.
    pub(crate) fn write(
        &mut self,
        work: &mut Work<'_>,
        account: AccountId,
        kind: Kind,
        puts: &[(String, Option<ScalarValue>)],
    ) -> Result<(), AlbumError> {
        // First, because it may change what counts.
        let secret = self.writing_secret(work)?;
        self.ensure(work, kind)?;
        let own = self.own_stream(work, kind)?;
        let mut document =
            self.documents.remove(&kind).ok_or(AlbumError::Damaged("a document was not loaded"))?;
        let written = document.write(own.key.actor(), puts, work.now_ms)?;
        let Some((change, keys)) = written else {
            self.documents.insert(kind, document);
            return Ok(());
        };
        if change.raw_bytes().len() > CHANGE_BYTES_MAX {
            return Err(AlbumError::Bounds("change"));
        }
        let content = Content {
            account,
            document: kind.document(),
            change: change.raw_bytes().to_vec(),
            at_ms: work.now_ms,
        };
        let household = work.keys.household();
        let heads = next_parents(&self.operations, &self.membership, &household);
        let header = Header { space: self.space, stream: own.key, seq: own.seq + 1, prev: own.hash, heads };
        let envelope = Envelope::seal(&work.keys.signer, &header, &secret, &content, work.random())?;
        let number = rows::insert_envelope(work.conn, self.row, own.row, &envelope, work.now_ms, true)?;
        let needs = change_needs(kind, puts, Home::of(&household));
        let shape = Shape::of(&change, needs);
        rows::describe(work.conn, number, kind.name(), Some(&shape), Some(account.as_bytes()), work.now_ms)?;
        rows::set_counted(work.conn, number, true)?;
        document.index.append(Node {
            hash: shape.hash,
            envelopes: vec![number],
            places: vec![(envelope.seq(), envelope.hash())],
            household,
            stream: own.row,
            seq: shape.seq,
            first_op: shape.first_op,
            last_op: shape.last_op,
            deps: shape.deps,
            direct: true,
        });
        projection::project(work, self, kind, &document, &keys)?;
        projection::activity::add(work, self.row, kind, number, &change)?;
        if let Some(saved) = document.snapshot_when_due() {
            rows::save_document(work.conn, self.row, kind.name(), &saved)?;
        }
        self.documents.insert(kind, document);
        Ok(())
    }

    /// Says again, as a new incarnation, what this home wrote and what lost: its disk was put back from a copy and written
    /// to before it heard of the rest, or it built on somebody's change that lost. Where something stands by now that
    /// would have won over it without the fork, that stays.
    pub(crate) fn repeat_lost(&mut self, work: &mut Work<'_>) -> Result<(), AlbumError> {
        for kind in Kind::ALL {
            for (account, puts) in self.lost_puts(work, kind)? {
                for part in puts.chunks(CHANGE_KEYS_MAX) {
                    match self.write(work, account, kind, part) {
                        // What can't be said now must not keep anything of others out.
                        Ok(())
                        | Err(AlbumError::Full(_) | AlbumError::Bounds(_) | AlbumError::Refused(_)) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        Ok(())
    }

    /// What our lost changes to a document said and nothing newer stands against, by account; of two about one key the
    /// last one.
    #[expect(clippy::type_complexity, reason = "a map that exists between two functions")]
    fn lost_puts(
        &self,
        work: &Work<'_>,
        kind: Kind,
    ) -> Result<BTreeMap<AccountId, Vec<(String, Option<ScalarValue>)>>, AlbumError> {
        let us = work.keys.household();
        let mut last: BTreeMap<String, (AccountId, Option<ScalarValue>)> = BTreeMap::new();
        let Some(document) = self.documents.get(&kind) else { return Ok(BTreeMap::new()) };
        let ours = document.index.lost.iter().filter_map(|hash| document.index.nodes.get(hash));
        for node in ours.filter(|node| node.household == us && node.direct) {
            let Some(number) = node.envelopes.first() else { continue };
            let Some(content) = self.content(work.conn, *number)? else { continue };
            let permitted = self.permit(work, content.account, kind.needs()).is_ok();
            if !permitted || !rows::take_repeat(work.conn, *number)? {
                continue;
            }
            let Ok(change) = Change::from_bytes(content.change) else { continue };
            let actor = change.actor_id().to_bytes().to_vec();
            for (number, operation) in (change.start_op().get()..).zip(change.decode().operations) {
                let Ok(Some(key)) = key_of(kind, &operation) else { continue };
                let foreign = key.home().is_some_and(|home| home != Home::of(&us));
                if foreign && self.permit(work, content.account, Role::Admin).is_err() {
                    continue;
                }
                let text = key.to_string();
                let newer = document.written_by(&text).is_some_and(|stands| stands > (number, actor.clone()));
                match operation.action {
                    OpType::Put(value) if !newer && !foreign => {
                        last.insert(text, (content.account, Some(value)));
                    }
                    OpType::Delete if !newer => drop(last.insert(text, (content.account, None))),
                    _ => {}
                }
            }
        }
        let mut puts: BTreeMap<AccountId, Vec<_>> = BTreeMap::new();
        for (key, (account, value)) in last {
            puts.entry(account).or_default().push((key, value));
        }
        Ok(puts)
    }

    /// The stream to write to, begun when there is none, or when what it wrote to this document doesn't count: its next
    /// numbers are taken then.
    fn own_stream(&mut self, work: &Work<'_>, kind: Kind) -> Result<OwnStream, AlbumError> {
        if let Some(incarnation) = self.incarnation {
            let own = self.stream_of(work, incarnation)?;
            let document = self.documents.get(&kind);
            let taken = document.is_some_and(|document| document.index.is_past(own.row));
            let forked = rows::is_forked(work.conn, self.row, own.row)?;
            if !taken && !forked {
                return Ok(own);
            }
        }
        let incarnation = StreamId::from_bytes(work.random());
        self.incarnation = Some(incarnation);
        work.conn
            .prepare_cached("UPDATE albums SET incarnation = :incarnation WHERE number = :album")?
            .execute(named_params! { ":album": self.row, ":incarnation": incarnation.as_bytes() })?;
        self.stream_of(work, incarnation)
    }

    fn stream_of(&self, work: &Work<'_>, incarnation: StreamId) -> Result<OwnStream, AlbumError> {
        let key = StreamKey { certificate: work.keys.certificate.id(), incarnation };
        rows::insert_certificate(work.conn, &work.keys.certificate)?;
        let row = rows::stream(work.conn, self.row, &key, &work.keys.household())?;
        let last: Option<(i64, [u8; 32])> = work
            .conn
            .prepare_cached(
                "SELECT seq, hash FROM album_envelopes WHERE stream = :stream ORDER BY seq DESC LIMIT 1",
            )?
            .query_row(named_params! { ":stream": row }, |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (seq, hash) = last.map_or((0, EnvelopeHash::NONE), |(seq, hash)| {
            (rows::from_sql(seq), EnvelopeHash::from_bytes(hash))
        });
        Ok(OwnStream { row, key, seq, hash })
    }
}

fn bounded(good: bool, what: &'static str) -> Result<(), AlbumError> {
    if good { Ok(()) } else { Err(AlbumError::Bounds(what)) }
}

/// The role that these puts need.
fn change_needs(kind: Kind, puts: &[(String, Option<ScalarValue>)], us: Home) -> Role {
    let foreign = |key: &str| Key::parse(kind, key).and_then(|key| key.home()).is_some_and(|home| home != us);
    if puts.iter().any(|(key, _)| foreign(key)) { kind.needs().max(Role::Admin) } else { kind.needs() }
}

/// How an album's arrangement is read; what isn't one is the usual one.
pub(crate) fn sort_of(text: &str) -> Sort {
    text.parse().unwrap_or_default()
}
