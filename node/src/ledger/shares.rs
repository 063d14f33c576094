//! Parts of other homes' recovery kits that this home holds, and who asks for one.

use heirloom_identity::{HouseholdId, KitId, NodeId, ReceivePublic};
use heirloom_store::StoreError;
use heirloom_store::rusqlite::{Row, named_params};
use zeroize::Zeroizing;

use super::{Ledger, bytes, damaged, optional_bytes};

/// Machines that may ask at the same time; answered ones don't count.
pub const REQUESTS_OPEN_MAX: i64 = 16;
/// How long a request is remembered.
const REMEMBERED_MS: i64 = 90 * 24 * 60 * 60 * 1000;

/// A part of another home's kit.
#[derive(Clone, PartialEq, Eq)]
pub struct ShareRow {
    /// The kit.
    pub kit: KitId,
    /// Whose it is.
    pub household: HouseholdId,
    /// What that home called itself.
    pub name: String,
    /// The part, encoded; a secret.
    pub share: Zeroizing<Vec<u8>>,
    /// The kit's record.
    pub record: Vec<u8>,
    /// How long to wait before the part is given out.
    pub delay_ms: i64,
    /// Homes that hold the other parts, 32 bytes each.
    pub holders: Vec<HouseholdId>,
    /// Since when, in milliseconds since the Unix epoch, UTC.
    pub since_ms: i64,
}

/// What people said to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestState {
    /// Nothing yet.
    Asked,
    /// It is them.
    Allowed,
    /// No.
    Refused,
    /// The part was given.
    Given,
}

impl RequestState {
    /// The word for it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::Given => "given",
        }
    }

    fn of(text: &str) -> Option<Self> {
        let all = [Self::Asked, Self::Allowed, Self::Refused, Self::Given];
        all.into_iter().find(|state| state.text() == text)
    }
}

/// A machine that asks for a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// The machine, as its connection proved it.
    pub node: NodeId,
    /// What the part is sealed to.
    pub receive: ReceivePublic,
    /// What it says its home was called.
    pub claimed: String,
    /// The kit that is meant, once that is known.
    pub kit: Option<KitId>,
    /// What people said.
    pub state: RequestState,
    /// Milliseconds since the Unix epoch, UTC.
    pub asked_ms: i64,
    /// When time was last counted.
    pub looked_ms: i64,
    /// How much of the delay has passed.
    pub waited_ms: i64,
}

impl Ledger {
    /// Takes a part, durably; one of the same kit is replaced.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn hold_share(&self, new: ShareRow) -> Result<(), StoreError> {
        self.write_kits(move |conn| {
            let holders: Vec<u8> = new.holders.iter().flat_map(|home| *home.as_bytes()).collect();
            conn.prepare_cached(
                "INSERT OR REPLACE INTO shares(kit, household, name, share, record, delay_ms, holders, since_ms)
                 VALUES (:kit, :household, :name, :share, :record, :delay_ms, :holders, :since_ms)",
            )?
            .execute(named_params! {
                ":kit": new.kit.as_bytes(), ":household": new.household.as_bytes(), ":name": new.name,
                ":share": *new.share, ":record": new.record, ":delay_ms": new.delay_ms, ":holders": holders,
                ":since_ms": new.since_ms,
            })?;
            Ok(())
        })
    }

    /// All parts that this home holds.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn shares(&self) -> Result<Vec<ShareRow>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached("SELECT * FROM shares ORDER BY since_ms, kit")?;
            Ok(statement.query_map([], read_share)?.collect::<Result<_, _>>()?)
        })
    }

    /// Destroys the part of a kit, durably; whoever asks for it is refused.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn drop_share(&self, kit: &KitId) -> Result<(), StoreError> {
        let kit = *kit.as_bytes();
        self.write_kits(move |conn| {
            conn.execute("UPDATE share_requests SET state = 'refused' WHERE kit = ?1", [kit])?;
            conn.execute("DELETE FROM shares WHERE kit = ?1", [kit])?;
            Ok(())
        })
    }

    /// Remembers that a machine asks, durably; `false` when too many do. One that asked before stays as it is.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn add_request(&self, new: RequestRow) -> Result<bool, StoreError> {
        self.write_kits(move |conn| {
            let forgotten = new.asked_ms.saturating_sub(REMEMBERED_MS);
            conn.execute("DELETE FROM share_requests WHERE asked_ms < ?1", [forgotten])?;
            let sql = "SELECT count(*) FROM share_requests WHERE state IN ('asked', 'allowed')";
            let open: i64 = conn.query_row(sql, [], |row| row.get(0))?;
            if open >= REQUESTS_OPEN_MAX {
                return Ok(false);
            }
            conn.prepare_cached(
                "INSERT OR IGNORE INTO share_requests(node, receive, claimed, kit, state, asked_ms, looked_ms, waited_ms)
                 VALUES (:node, :receive, :claimed, :kit, :state, :asked_ms, :looked_ms, :waited_ms)",
            )?
            .execute(named_params! {
                ":node": new.node.as_bytes(), ":receive": new.receive.as_bytes(), ":claimed": new.claimed,
                ":kit": new.kit.as_ref().map(KitId::as_bytes), ":state": new.state.text(),
                ":asked_ms": new.asked_ms, ":looked_ms": new.looked_ms, ":waited_ms": new.waited_ms,
            })?;
            Ok(true)
        })
    }

    /// All machines that asked, the newest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn requests(&self) -> Result<Vec<RequestRow>, StoreError> {
        self.db.read(|conn| {
            let mut statement =
                conn.prepare_cached("SELECT * FROM share_requests ORDER BY asked_ms DESC, node")?;
            Ok(statement.query_map([], read_request)?.collect::<Result<_, _>>()?)
        })
    }

    /// Writes down what became of a request, durably, if it still is in the state that it was read in; whether it was.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn set_request(
        &self,
        node: &NodeId,
        from: RequestState,
        to: RequestState,
        kit: Option<KitId>,
    ) -> Result<bool, StoreError> {
        let node = *node.as_bytes();
        self.write_kits(move |conn| {
            let changed = conn
                .prepare_cached(
                    "UPDATE share_requests SET state = ?3, kit = coalesce(?4, kit) WHERE node = ?1 AND state = ?2",
                )?
                .execute((node, from.text(), to.text(), kit.as_ref().map(KitId::as_bytes)))?;
            Ok(changed > 0)
        })
    }

    /// Refuses everybody who asks for a part of this kit and has not been given it, durably; how many.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn refuse_requests(&self, kit: &KitId) -> Result<usize, StoreError> {
        let kit = *kit.as_bytes();
        self.write_kits(move |conn| {
            let sql = "UPDATE share_requests SET state = 'refused' WHERE kit = ?1 AND state IN ('asked', 'allowed')";
            Ok(conn.execute(sql, [kit])?)
        })
    }

    /// Counts time for every request of which it is known what it asks for: what passed since it was last counted, but
    /// no more than `step_max_ms`.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn time_requests(&self, now_ms: i64, step_max_ms: i64) -> Result<(), StoreError> {
        self.write_kits(move |conn| {
            conn.execute(
                "UPDATE share_requests SET looked_ms = ?1,
                   waited_ms = waited_ms + CASE WHEN kit IS NULL THEN 0 ELSE max(0, min(?1 - looked_ms, ?2)) END
                 WHERE state IN ('asked', 'allowed')",
                (now_ms, step_max_ms),
            )?;
            Ok(())
        })
    }
}

fn read_share(row: &Row<'_>) -> heirloom_store::rusqlite::Result<ShareRow> {
    let holders: Vec<u8> = row.get("holders")?;
    let (whole, _) = holders.as_chunks::<32>();
    Ok(ShareRow {
        kit: KitId::from_bytes(bytes(row, "kit")?),
        household: HouseholdId::from_bytes(bytes(row, "household")?),
        name: row.get("name")?,
        share: Zeroizing::new(row.get("share")?),
        record: row.get("record")?,
        delay_ms: row.get("delay_ms")?,
        holders: whole.iter().map(|home| HouseholdId::from_bytes(*home)).collect(),
        since_ms: row.get("since_ms")?,
    })
}

fn read_request(row: &Row<'_>) -> heirloom_store::rusqlite::Result<RequestRow> {
    let state: String = row.get("state")?;
    Ok(RequestRow {
        node: NodeId::from_bytes(bytes(row, "node")?),
        receive: ReceivePublic::from_bytes(bytes(row, "receive")?),
        claimed: row.get("claimed")?,
        kit: optional_bytes(row, "kit")?.map(KitId::from_bytes),
        state: RequestState::of(&state).ok_or_else(|| damaged("state", "no state of a request"))?,
        asked_ms: row.get("asked_ms")?,
        looked_ms: row.get("looked_ms")?,
        waited_ms: row.get("waited_ms")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 60 * 60 * 1000;

    fn request(n: u8, kit: Option<KitId>) -> RequestRow {
        RequestRow {
            node: NodeId::from_bytes([n; 32]),
            receive: ReceivePublic::from_bytes([9; 32]),
            claimed: "The Smiths".to_owned(),
            kit,
            state: RequestState::Asked,
            asked_ms: 0,
            looked_ms: 0,
            waited_ms: 0,
        }
    }

    #[test]
    fn a_clock_that_jumps_brings_a_part_no_nearer_than_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("home.sqlite")).unwrap();
        let kit = KitId::from_bytes([1; 16]);
        assert!(ledger.add_request(request(1, Some(kit))).unwrap());
        assert!(ledger.add_request(request(2, None)).unwrap());
        let waited = || ledger.requests().unwrap().into_iter().map(|row| row.waited_ms).collect::<Vec<_>>();
        ledger.time_requests(DAY / 2, DAY).unwrap();
        assert_eq!(waited(), [DAY / 2, 0], "nothing is counted while it is not known what for");
        // From a clock that stood at 1970 to the right time, and back.
        ledger.time_requests(56 * 365 * DAY, DAY).unwrap();
        ledger.time_requests(0, DAY).unwrap();
        assert_eq!(waited(), [DAY * 3 / 2, 0]);
        let first = NodeId::from_bytes([1; 32]);
        let change = |from, to| ledger.set_request(&first, from, to, None).unwrap();
        assert!(change(RequestState::Asked, RequestState::Refused));
        assert!(!change(RequestState::Asked, RequestState::Allowed), "no is no");
        assert_eq!(ledger.refuse_requests(&kit).unwrap(), 0);
    }

    #[test]
    fn only_so_many_ask_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("home.sqlite")).unwrap();
        for n in 0..16 {
            assert!(ledger.add_request(request(n, None)).unwrap());
        }
        assert!(!ledger.add_request(request(99, None)).unwrap());
        let node = NodeId::from_bytes([3; 32]);
        ledger.set_request(&node, RequestState::Asked, RequestState::Refused, None).unwrap();
        assert!(ledger.add_request(request(99, None)).unwrap());
    }
}
