//! Peers: the homes that this one is paired with, was paired with, or keeps out.
//!
//! A removed home stays in the list: an album may still name it, and a certificate of it that was replaced must
//! not be accepted when it is paired again.

use heirloom_identity::{Card, Certificate, HouseholdId};
use heirloom_store::StoreError;
use heirloom_store::rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::{Ledger, bytes, invitations};

/// How this home stands to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerState {
    /// Connections are made and accepted.
    Paired,
    /// Turned away until a person here says otherwise.
    Blocked,
    /// No longer paired; may be paired again.
    Removed,
}

impl PeerState {
    fn text(self) -> &'static str {
        match self {
            Self::Paired => "paired",
            Self::Blocked => "blocked",
            Self::Removed => "removed",
        }
    }

    fn of(text: &str) -> Self {
        match text {
            "paired" => Self::Paired,
            "blocked" => Self::Blocked,
            _ => Self::Removed,
        }
    }
}

/// Why a pairing was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// A newer certificate of that home is known.
    #[error("another computer has taken the place of that one in its household")]
    Outranked,
    /// People here keep that home out.
    #[error("this home is kept out")]
    Blocked,
    /// The invitation was taken back or refused meanwhile.
    #[error("the invitation has ended")]
    Ended,
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Another home, as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The household.
    pub household: HouseholdId,
    /// The highest of its certificates that was seen.
    pub certificate: Certificate,
    /// What it last said about itself.
    pub card: Option<Card>,
    /// What people here call it; `None`: as it calls itself.
    pub given_name: Option<String>,
    /// How this home stands to it.
    pub state: PeerState,
    /// The six words of the pairing.
    pub words: Vec<String>,
    /// Where its node was last found, encoded.
    pub address: Option<Vec<u8>>,
    /// Milliseconds since the Unix epoch, UTC.
    pub paired_ms: i64,
    /// Milliseconds since the Unix epoch, UTC.
    pub last_seen_ms: Option<i64>,
    /// Why that home turned this one away, if it did.
    pub refusal: Option<String>,
}

impl Peer {
    /// What people here see: the name they gave it, else its own, else the beginning of its id.
    pub fn name(&self) -> String {
        let own = || self.card.as_ref().map(|card| card.name().to_owned()).filter(|name| !name.is_empty());
        let id = || self.household.to_string()[..8].to_owned();
        self.given_name.clone().or_else(own).unwrap_or_else(id)
    }
}

impl Ledger {
    /// Every home that was ever paired, oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn peers(&self) -> Result<Vec<Peer>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached("SELECT * FROM peers ORDER BY paired_ms, household")?;
            Ok(statement.query_map([], read_peer)?.collect::<Result<_, _>>()?)
        })
    }

    /// One home.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn peer(&self, household: &HouseholdId) -> Result<Option<Peer>, StoreError> {
        self.db.read(|conn| find(conn, household))
    }

    /// Records a pairing, durably, and that the invitation that led to it is done. A home that was removed is paired again;
    /// what people here call it stays.
    ///
    /// # Errors
    /// See [`PairError`]; nothing is recorded then.
    pub fn pair(&self, new: Peer, invitation: Option<[u8; 32]>) -> Result<(), PairError> {
        self.db.write(move |conn| {
            match find(conn, &new.household)? {
                Some(known) if known.state == PeerState::Blocked => return Err(PairError::Blocked),
                Some(known) if known.certificate.outranks(&new.certificate) => {
                    return Err(PairError::Outranked);
                }
                _ => {}
            }
            if let Some(id) = invitation
                && !invitations::finish(conn, &id).map_err(StoreError::from)?
            {
                return Err(PairError::Ended);
            }
            Ok(write_pair(conn, &new).map_err(StoreError::from)?)
        })
    }

    /// Keeps a home out, lets it in again, or ends the pairing, durably; fine if the home is unknown. The invitation with
    /// which a home came that is no longer let in is worth nothing any more.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn set_peer_state(&self, household: &HouseholdId, state: PeerState) -> Result<(), StoreError> {
        let household = *household.as_bytes();
        self.db.write(move |conn| {
            conn.prepare_cached("UPDATE peers SET state = ?2, refusal = NULL WHERE household = ?1")?
                .execute((household, state.text()))?;
            if state != PeerState::Paired
                && let Some(known) = find(conn, &HouseholdId::from_bytes(household))?
            {
                invitations::cancel_of(conn, known.certificate.node())?;
            }
            Ok(())
        })
    }

    /// Says what people here call a home; `None`: as it calls itself.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn name_peer(&self, household: &HouseholdId, name: Option<String>) -> Result<(), StoreError> {
        let household = *household.as_bytes();
        self.db.write(move |conn| {
            conn.prepare_cached("UPDATE peers SET name = ?2 WHERE household = ?1")?
                .execute((household, name))?;
            Ok(())
        })
    }

    /// Replaces the certificate and the card of a home, durably. `None` leaves what is known.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn renew_peer(
        &self,
        household: &HouseholdId,
        certificate: &Certificate,
        card: Option<&Card>,
    ) -> Result<(), StoreError> {
        let (household, certificate) = (*household.as_bytes(), certificate.encode());
        let card = card.map(Card::encode);
        self.db.write(move |conn| {
            conn.prepare_cached(
                "UPDATE peers SET certificate = ?2, card = coalesce(?3, card) WHERE household = ?1",
            )?
            .execute((household, certificate, card))?;
            Ok(())
        })
    }

    /// Remembers that a home was reached, and where; clears what it said when it turned this one away.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn peer_seen(
        &self,
        household: &HouseholdId,
        address: Option<Vec<u8>>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let household = *household.as_bytes();
        self.db.write(move |conn| {
            conn.prepare_cached(
                "UPDATE peers SET last_seen_ms = max(coalesce(last_seen_ms, ?3), ?3),
                   address = coalesce(?2, address), refusal = NULL WHERE household = ?1",
            )?
            .execute((household, address, now_ms))?;
            Ok(())
        })
    }

    /// Remembers why a home turned this one away.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn peer_refused(&self, household: &HouseholdId, reason: String) -> Result<(), StoreError> {
        let household = *household.as_bytes();
        self.db.write(move |conn| {
            conn.prepare_cached("UPDATE peers SET refusal = ?2 WHERE household = ?1")?
                .execute((household, reason))?;
            Ok(())
        })
    }
}

fn write_pair(conn: &Connection, new: &Peer) -> heirloom_store::rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO peers(household, certificate, card, name, state, words, address, paired_ms, last_seen_ms)
         VALUES (:household, :certificate, :card, :name, :state, :words, :address, :paired_ms, :last_seen_ms)
         ON CONFLICT(household) DO UPDATE SET certificate = :certificate, card = :card,
           name = coalesce(:name, name), state = :state, words = :words,
           address = coalesce(:address, address), paired_ms = :paired_ms,
           last_seen_ms = coalesce(:last_seen_ms, last_seen_ms), refusal = NULL",
    )?
    .execute(named_params! {
        ":household": new.household.as_bytes(), ":certificate": new.certificate.encode(),
        ":card": new.card.as_ref().map(Card::encode), ":name": new.given_name, ":state": new.state.text(),
        ":words": new.words.join(" "), ":address": new.address, ":paired_ms": new.paired_ms,
        ":last_seen_ms": new.last_seen_ms,
    })?;
    Ok(())
}

fn find(conn: &Connection, household: &HouseholdId) -> Result<Option<Peer>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM peers WHERE household = ?1")?;
    Ok(statement.query_row([household.as_bytes()], read_peer).optional()?)
}

fn read_peer(row: &Row<'_>) -> heirloom_store::rusqlite::Result<Peer> {
    let certificate: Vec<u8> = row.get("certificate")?;
    let words: String = row.get("words")?;
    let state: String = row.get("state")?;
    // A card is said again at the next connection, so one that cannot be read is no loss.
    let card: Option<Vec<u8>> = row.get("card")?;
    let card = card.and_then(|card| Card::decode(&card).ok());
    Ok(Peer {
        household: HouseholdId::from_bytes(bytes(row, "household")?),
        certificate: Certificate::decode(&certificate)
            .map_err(|error| super::damaged("certificate", error))?,
        card,
        given_name: row.get("name")?,
        state: PeerState::of(&state),
        words: words.split_whitespace().map(str::to_owned).collect(),
        address: row.get("address")?,
        paired_ms: row.get("paired_ms")?,
        last_seen_ms: row.get("last_seen_ms")?,
        refusal: row.get("refusal")?,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::ledger::invitations::InvitationState;
    use heirloom_identity::{NodeKeys, Root};

    /// A paired home with a certificate of this generation.
    pub(crate) fn peer(generation: u32) -> Peer {
        let authority = Root::from_bytes([1; 32]).authority();
        let mut secrets = [2; 64];
        secrets[0] = 9;
        let node = NodeKeys::from_bytes(&secrets);
        let certificate =
            Certificate::issue(&authority, generation, node.node(), node.signer().id(), 5).unwrap();
        Peer {
            household: authority.household(),
            certificate,
            card: None,
            given_name: Some("Nonna".to_owned()),
            state: PeerState::Paired,
            words: vec!["apple".to_owned(), "pear".to_owned()],
            address: Some(vec![7]),
            paired_ms: 10,
            last_seen_ms: None,
            refusal: None,
        }
    }

    #[test]
    fn a_removed_home_is_remembered_and_may_return() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("home.sqlite")).unwrap();
        let first = peer(1);
        ledger.pair(first.clone(), None).unwrap();
        assert_eq!(ledger.peers().unwrap(), std::slice::from_ref(&first));
        ledger.peer_refused(&first.household, "no longer paired".to_owned()).unwrap();
        ledger.set_peer_state(&first.household, PeerState::Removed).unwrap();
        let removed = ledger.peer(&first.household).unwrap().unwrap();
        assert_eq!((removed.state, removed.refusal), (PeerState::Removed, None));
        ledger.pair(Peer { given_name: None, paired_ms: 20, address: None, ..peer(2) }, None).unwrap();
        let again = ledger.peer(&first.household).unwrap().unwrap();
        assert_eq!(again.given_name.as_deref(), Some("Nonna"));
        assert_eq!(again.address, Some(vec![7]));
        assert_eq!(again.certificate.generation(), 2);
    }

    #[test]
    fn neither_an_old_machine_nor_a_home_that_is_kept_out_is_paired() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("home.sqlite")).unwrap();
        let newer = peer(2);
        ledger.pair(newer.clone(), None).unwrap();
        assert!(matches!(ledger.pair(peer(1), None), Err(PairError::Outranked)));
        assert_eq!(ledger.peer(&newer.household).unwrap().unwrap(), newer);
        ledger.set_peer_state(&newer.household, PeerState::Blocked).unwrap();
        assert!(matches!(ledger.pair(newer.clone(), None), Err(PairError::Blocked)));
        assert_eq!(ledger.peer(&newer.household).unwrap().unwrap().state, PeerState::Blocked);
    }

    #[test]
    fn an_invitation_is_worth_nothing_once_its_guest_was_removed() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("home.sqlite")).unwrap();
        ledger.add_invitation(invitations::tests::row(1, 0)).unwrap();
        let guest = peer(1);
        assert!(ledger.claim_invitation(&[1; 32], *guest.certificate.node(), 50).unwrap());
        ledger.pair(guest.clone(), Some([1; 32])).unwrap();
        assert_eq!(ledger.invitation(&[1; 32]).unwrap().unwrap().state, InvitationState::Done);
        ledger.pair(guest.clone(), Some([1; 32])).unwrap();
        ledger.set_peer_state(&guest.household, PeerState::Removed).unwrap();
        assert_eq!(ledger.invitation(&[1; 32]).unwrap().unwrap().state, InvitationState::Cancelled);
        assert!(!ledger.claim_invitation(&[1; 32], *guest.certificate.node(), 50).unwrap());
        assert!(matches!(ledger.pair(guest.clone(), Some([1; 32])), Err(PairError::Ended)));
        assert_eq!(ledger.peer(&guest.household).unwrap().unwrap().state, PeerState::Removed);
    }

    #[test]
    fn a_clock_that_went_back_does_not_undo_a_meeting() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("home.sqlite")).unwrap();
        let first = peer(1);
        ledger.pair(first.clone(), None).unwrap();
        ledger.peer_seen(&first.household, None, 500).unwrap();
        ledger.peer_seen(&first.household, Some(vec![8]), 100).unwrap();
        let seen = ledger.peer(&first.household).unwrap().unwrap();
        assert_eq!((seen.last_seen_ms, seen.address), (Some(500), Some(vec![8])));
    }
}
