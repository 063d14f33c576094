//! Invitations to pair: each lives for a day and lets one home in.

use heirloom_identity::NodeId;
use heirloom_store::StoreError;
use heirloom_store::rusqlite::{Connection, OptionalExtension, Row, named_params};
use zeroize::Zeroizing;

use super::{Ledger, bytes, optional_bytes};

/// Invitations that may be open at the same time.
pub const INVITATIONS_OPEN_MAX: usize = 16;
/// How long an ended or expired invitation is remembered, so that a late guest is told what became of it.
const REMEMBERED_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// What became of an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvitationState {
    /// May be used until it expires.
    Open,
    /// A home was paired with it.
    Done,
    /// A person here said no to the home that used it.
    Denied,
    /// A person here took it back.
    Cancelled,
}

impl InvitationState {
    fn text(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Denied => "denied",
            Self::Cancelled => "cancelled",
        }
    }

    fn of(text: &str) -> Self {
        match text {
            "open" => Self::Open,
            "done" => Self::Done,
            "denied" => Self::Denied,
            _ => Self::Cancelled,
        }
    }
}

/// An invitation, as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationRow {
    /// Made from the secret; what a guest names.
    pub id: [u8; 32],
    /// Proven by both sides, never sent.
    pub secret: Zeroizing<[u8; 16]>,
    /// As the person passed it on.
    pub link: String,
    /// Whether whoever proves the secret is taken in without a person's word.
    pub auto_confirm: bool,
    /// Milliseconds since the Unix epoch, UTC.
    pub made_ms: i64,
    /// Milliseconds since the Unix epoch, UTC; not accepted from then on.
    pub expires_ms: i64,
    /// The node that proved the secret first.
    pub guest: Option<NodeId>,
    /// What became of it.
    pub state: InvitationState,
}

/// Why an invitation was not made.
#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    /// Too many are open.
    #[error("{INVITATIONS_OPEN_MAX} invitations are open already; take one back first")]
    TooMany,
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Ledger {
    /// Remembers a new invitation, durably; sweeps out old ones on the way.
    ///
    /// # Errors
    /// See [`InviteError`].
    pub fn add_invitation(&self, new: InvitationRow) -> Result<(), InviteError> {
        self.db.write(move |conn| {
            let now = new.made_ms;
            let forgotten = now.saturating_sub(REMEMBERED_MS);
            conn.execute("DELETE FROM invitations WHERE expires_ms < ?1", [forgotten])
                .map_err(StoreError::from)?;
            let open: i64 = conn
                .query_row(
                    "SELECT count(*) FROM invitations WHERE state = 'open' AND expires_ms > ?1",
                    [now],
                    |row| row.get(0),
                )
                .map_err(StoreError::from)?;
            if usize::try_from(open).is_ok_and(|open| open >= INVITATIONS_OPEN_MAX) {
                return Err(InviteError::TooMany);
            }
            insert(conn, &new).map_err(StoreError::from)?;
            Ok(())
        })
    }

    /// All invitations that are remembered, oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn invitations(&self) -> Result<Vec<InvitationRow>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached("SELECT * FROM invitations ORDER BY made_ms, id")?;
            Ok(statement.query_map([], invitation)?.collect::<Result<_, _>>()?)
        })
    }

    /// One invitation.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn invitation(&self, id: &[u8; 32]) -> Result<Option<InvitationRow>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached("SELECT * FROM invitations WHERE id = ?1")?;
            Ok(statement.query_row([id], invitation).optional()?)
        })
    }

    /// Gives the invitation to the node that proved its secret, durably; says whether it has it now. Only the
    /// first one gets it, and only one that has not ended is given.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn claim_invitation(&self, id: &[u8; 32], guest: NodeId, now_ms: i64) -> Result<bool, StoreError> {
        let id = *id;
        self.db.write(move |conn| {
            let claimed = conn
                .prepare_cached(
                    "UPDATE invitations SET guest = ?2 WHERE id = ?1 AND coalesce(guest, ?2) = ?2
                     AND state IN ('open', 'done') AND expires_ms > ?3",
                )?
                .execute((id, guest.as_bytes(), now_ms))?;
            Ok(claimed > 0)
        })
    }

    /// Ends an invitation, durably; one that has ended stays as it is.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn end_invitation(&self, id: &[u8; 32], state: InvitationState) -> Result<(), StoreError> {
        let id = *id;
        self.db.write(move |conn| {
            conn.prepare_cached("UPDATE invitations SET state = ?2 WHERE id = ?1 AND state = 'open'")?
                .execute((id, state.text()))?;
            Ok(())
        })
    }
}

/// Notes that a home was paired with an invitation; `false` when it was taken back or refused before.
pub(super) fn finish(conn: &Connection, id: &[u8; 32]) -> heirloom_store::rusqlite::Result<bool> {
    let finished = conn
        .prepare_cached("UPDATE invitations SET state = 'done' WHERE id = ?1 AND state IN ('open', 'done')")?
        .execute([id])?;
    Ok(finished > 0)
}

/// Takes back the invitations that a node came with.
pub(super) fn cancel_of(conn: &Connection, guest: &NodeId) -> heirloom_store::rusqlite::Result<()> {
    conn.prepare_cached(
        "UPDATE invitations SET state = 'cancelled' WHERE guest = ?1 AND state IN ('open', 'done')",
    )?
    .execute([guest.as_bytes()])?;
    Ok(())
}

fn insert(conn: &Connection, new: &InvitationRow) -> heirloom_store::rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO invitations(id, secret, link, auto_confirm, made_ms, expires_ms, guest, state)
         VALUES (:id, :secret, :link, :auto_confirm, :made_ms, :expires_ms, :guest, :state)",
    )?
    .execute(named_params! {
        ":id": new.id, ":secret": *new.secret, ":link": new.link, ":auto_confirm": new.auto_confirm,
        ":made_ms": new.made_ms, ":expires_ms": new.expires_ms,
        ":guest": new.guest.as_ref().map(NodeId::as_bytes), ":state": new.state.text(),
    })?;
    Ok(())
}

fn invitation(row: &Row<'_>) -> heirloom_store::rusqlite::Result<InvitationRow> {
    let state: String = row.get("state")?;
    Ok(InvitationRow {
        id: bytes(row, "id")?,
        secret: Zeroizing::new(bytes(row, "secret")?),
        link: row.get("link")?,
        auto_confirm: row.get("auto_confirm")?,
        made_ms: row.get("made_ms")?,
        expires_ms: row.get("expires_ms")?,
        guest: optional_bytes(row, "guest")?.map(NodeId::from_bytes),
        state: InvitationState::of(&state),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn row(n: u8, made_ms: i64) -> InvitationRow {
        InvitationRow {
            id: [n; 32],
            secret: Zeroizing::new([n; 16]),
            link: String::new(),
            auto_confirm: false,
            made_ms,
            expires_ms: made_ms + 100,
            guest: None,
            state: InvitationState::Open,
        }
    }

    #[test]
    fn the_first_to_prove_the_secret_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("home.sqlite")).unwrap();
        ledger.add_invitation(row(1, 0)).unwrap();
        let [first, second] = [5, 6].map(|n| NodeId::from_bytes([n; 32]));
        let claim = |id: u8, guest, now_ms| ledger.claim_invitation(&[id; 32], guest, now_ms).unwrap();
        assert!(!claim(1, first, 100), "it is too late");
        assert!(claim(1, first, 99));
        assert!(!claim(1, second, 99));
        assert!(claim(1, first, 99));
        assert!(!claim(2, first, 99));
        ledger.end_invitation(&[1; 32], InvitationState::Denied).unwrap();
        assert!(!claim(1, first, 99), "it was refused");
        ledger.end_invitation(&[1; 32], InvitationState::Done).unwrap();
        assert_eq!(ledger.invitation(&[1; 32]).unwrap().unwrap().state, InvitationState::Denied);
    }

    #[test]
    fn open_invitations_are_few_and_old_ones_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("home.sqlite")).unwrap();
        for n in 0..16 {
            ledger.add_invitation(row(n, 0)).unwrap();
        }
        assert!(matches!(ledger.add_invitation(row(99, 0)), Err(InviteError::TooMany)));
        ledger.add_invitation(row(99, 200)).unwrap();
        ledger.add_invitation(row(100, 200 + 2 * REMEMBERED_MS)).unwrap();
        assert_eq!(ledger.invitations().unwrap().len(), 1);
    }
}
