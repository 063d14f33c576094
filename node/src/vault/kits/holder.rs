//! This home as a holder of parts of other homes' kits.
//!
//! A part is given out when a person here said yes and the delay is over. The delay is counted by looking at the clock
//! every hour while this home is up: what passed since the last look, but at most a day each time. So a computer that is
//! on for an hour a day counts whole days, a clock that jumps by years brings nobody nearer than a day, and one that was
//! off for a month counts as a day: there was nobody whom the home whose kit it is could have told "no".

use anyhow::{Context, bail, ensure};
use heirloom_identity::card::clean_name;
use heirloom_identity::{HouseholdId, KitId, KitRecord, KitShare, NodeId, ReceivePublic, Revocation, seal};
use heirloom_vault::KeeperError;
use heirloom_vault::store::NewAlarm;
use zeroize::Zeroizing;

use super::DELAY_MAX_MS;
use super::request::{Between, SHARE_LABEL};
use crate::home::Home;
use crate::ledger::invitations::InvitationState;
use crate::ledger::kits::PartState;
use crate::ledger::shares::{RequestRow, RequestState, ShareRow};
use crate::protocols::vault::kit_messages::{KitAnswer, KitAsk, KitStanding, Parcel};

/// Parts of kits of one home that are held.
const SHARES_PER_HOME_MAX: usize = 16;
/// The most that one look at the clock counts.
pub const STEP_MAX_MS: i64 = 24 * 60 * 60 * 1000;
/// Alarm: a machine asks for a part.
const ALARM_ASKED: &str = "kit_asked";
/// Alarm: another home gave this one a part.
const ALARM_HELD: &str = "kit_held";
/// Alarm: the home whose kit it is said no.
const ALARM_REFUSED: &str = "kit_refused";

/// Who is to hear that somebody asks: the kit, its home, and the other holders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The kit.
    pub kit: KitId,
    /// The home whose kit it is, and those that hold its other parts.
    pub tell: Vec<HouseholdId>,
}

/// Takes a part of another home's kit; what is wrong with it otherwise.
///
/// # Errors
/// When it is not that home's, does not fit its record, or could not be saved.
pub fn take(home: &Home, peer: &HouseholdId, parcel: &Parcel, now_ms: i64) -> anyhow::Result<()> {
    let (share, record) = (KitShare::decode(&parcel.share)?, KitRecord::decode(&parcel.record)?);
    let delay_ms = i64::try_from(parcel.delay_ms).unwrap_or(i64::MAX);
    ensure!(share.household() == peer && record.holds(&share), "the part is not one of that home's kits");
    ensure!(delay_ms <= DELAY_MAX_MS, "a wait of more than 30 days is too long");
    let held = home.ledger.shares()?;
    if held.iter().filter(|held| held.household == *peer && held.kit != *share.kit()).count()
        >= SHARES_PER_HOME_MAX
    {
        bail!("this home holds too many parts of that home's kits; let them end one first");
    }
    let name = name_of(home, peer)?;
    home.ledger.hold_share(ShareRow {
        kit: *share.kit(),
        household: *peer,
        name: name.clone(),
        share: share.encode(),
        record: parcel.record.clone(),
        delay_ms,
        holders: parcel.holders.clone(),
        since_ms: now_ms,
    })?;
    let text = format!("{name} gave this home a part of its recovery kit.");
    alarm(home, ALARM_HELD, Some(*peer), text, HELD_ADVICE, now_ms)
}

/// What holding a part means.
const HELD_ADVICE: &str =
    "There is nothing to do. If they ever lose everything, you and others can help them back.";

/// Whether the part that is held here is one of this record's.
///
/// # Errors
/// When the ledger cannot be read.
pub fn check(home: &Home, peer: &HouseholdId, record: &[u8]) -> anyhow::Result<PartState> {
    let record = KitRecord::decode(record)?;
    let held = home.ledger.shares()?;
    let Some(held) = held.iter().find(|held| held.kit == *record.kit() && held.household == *peer) else {
        return Ok(PartState::Gone);
    };
    let is_right = KitShare::decode(&held.share).is_ok_and(|share| record.holds(&share));
    Ok(if is_right { PartState::Held } else { PartState::Wrong })
}

/// Destroys the part and the record of a kit that its home revoked.
///
/// # Errors
/// When the bytes are not that home's revocation, or it could not be done.
pub fn end(home: &Home, peer: &HouseholdId, bytes: &[u8]) -> anyhow::Result<()> {
    let revocation = Revocation::decode(bytes)?;
    ensure!(revocation.household() == peer, "only the home whose kit it is can end it");
    let is_theirs =
        home.ledger.shares()?.iter().any(|held| held.kit == *revocation.kit() && held.household == *peer);
    if is_theirs {
        home.ledger.drop_share(revocation.kit())?;
    }
    match home.vault.keeper.put_kit(peer, bytes) {
        Ok(()) | Err(KeeperError::NotAWard) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Refuses whoever asks for a part of a kit, because its home says so.
///
/// # Errors
/// When it could not be saved.
pub fn refused_by_owner(home: &Home, peer: &HouseholdId, kit: &KitId, now_ms: i64) -> anyhow::Result<()> {
    let held = home.ledger.shares()?;
    if held.iter().any(|held| held.kit == *kit && held.household == *peer)
        && home.ledger.refuse_requests(kit)? > 0
    {
        let text = format!("{} says that it was not they who asked for their part.", name_of(home, peer)?);
        alarm(
            home,
            ALARM_REFUSED,
            Some(*peer),
            text,
            "The part stays here. Tell them who asked you.",
            now_ms,
        )?;
    }
    Ok(())
}

/// What a machine that asks is answered, and whom to tell, if it is new. `None`: it is turned away.
///
/// # Errors
/// When the ledger cannot be read or written.
pub fn asked(
    home: &Home,
    asker: NodeId,
    ask: &KitAsk,
    now_ms: i64,
) -> anyhow::Result<Option<(KitStanding, Option<Asked>)>> {
    count_time(home, now_ms)?;
    let between =
        Between { holder: home.keys.node.node(), asker, receive: ReceivePublic::from_bytes(ask.receive) };
    let challenge = between.challenge(&home.keys.node);
    if let Some(request) = home.ledger.requests()?.into_iter().find(|row| row.node == asker) {
        if request.receive != between.receive {
            return Ok(None);
        }
        let answer = standing(home, &between, &request)?;
        return Ok(Some((KitStanding { challenge, answer }, None)));
    }
    if !between.receive.is_usable() || !is_invited(home, &between, ask, now_ms)? {
        return Ok(None);
    }
    let claimed = clean_name(&ask.name);
    let meant = meant_by(home, &claimed)?;
    let request = RequestRow {
        node: asker,
        receive: between.receive,
        claimed: claimed.clone(),
        kit: meant.as_ref().map(|held| held.kit),
        state: RequestState::Asked,
        asked_ms: now_ms,
        looked_ms: now_ms,
        waited_ms: 0,
    };
    if !home.ledger.add_request(request)? {
        return Ok(None);
    }
    let text =
        format!("Somebody who says to be \u{201c}{claimed}\u{201d} asks for a part of a recovery kit.");
    let advice = if home.ledger.shares()?.is_empty() {
        "This home holds no part of anybody's kit, so there is nothing to say yes to. Your link is all they need from you."
    } else {
        "Call them, on a number that you know, and compare the six words. Say yes only if it is really they."
    };
    alarm(home, ALARM_ASKED, meant.as_ref().map(|held| held.household), text, advice, now_ms)?;
    Ok(Some((KitStanding { challenge, answer: KitAnswer::Asked }, meant.map(|held| to_tell(&held)))))
}

/// Whether a person here invited whoever asks, and the invitation is still good.
fn is_invited(home: &Home, between: &Between, ask: &KitAsk, now_ms: i64) -> anyhow::Result<bool> {
    let Some(row) = home.ledger.invitation(&ask.invitation)? else { return Ok(false) };
    let is_open = row.state == InvitationState::Open && now_ms < row.expires_ms && row.guest.is_none();
    Ok(is_open && between.proves(&row.secret, &ask.proof))
}

/// The only part whose home has this name.
fn meant_by(home: &Home, claimed: &str) -> anyhow::Result<Option<ShareRow>> {
    let wanted = claimed.to_lowercase();
    let mut found = Vec::new();
    for held in home.ledger.shares()? {
        if held.name.to_lowercase() == wanted || name_of(home, &held.household)?.to_lowercase() == wanted {
            found.push(held);
        }
    }
    Ok(if found.len() == 1 { found.pop() } else { None })
}

fn to_tell(held: &ShareRow) -> Asked {
    let mut tell = held.holders.clone();
    tell.push(held.household);
    Asked { kit: held.kit, tell }
}

/// How a request stands; gives the part out when it is time.
fn standing(home: &Home, between: &Between, request: &RequestRow) -> anyhow::Result<KitAnswer> {
    match request.state {
        RequestState::Asked => return Ok(KitAnswer::Asked),
        RequestState::Refused => return Ok(KitAnswer::Refused),
        RequestState::Allowed | RequestState::Given => {}
    }
    let held = home.ledger.shares()?;
    let Some(held) = held.iter().find(|held| Some(held.kit) == request.kit) else {
        return Ok(KitAnswer::Refused);
    };
    let left_ms = held.delay_ms.saturating_sub(request.waited_ms);
    if request.state == RequestState::Allowed && left_ms > 0 {
        return Ok(KitAnswer::Waits { left_ms: left_ms.unsigned_abs() });
    }
    // A "no" that came in the meantime counts.
    let given = home.ledger.set_request(&request.node, request.state, RequestState::Given, None)?;
    if !given {
        return Ok(KitAnswer::Refused);
    }
    let share: &Zeroizing<Vec<u8>> = &held.share;
    let sealed = seal(&between.receive, SHARE_LABEL, &between.context(), share, crate::random::bytes()?)?;
    tracing::warn!(kit = %held.kit, asker = %request.node, "a part of a recovery kit was given out");
    Ok(KitAnswer::Given(sealed))
}

/// Counts time for those who ask.
///
/// # Errors
/// When it could not be saved.
pub fn count_time(home: &Home, now_ms: i64) -> anyhow::Result<()> {
    Ok(home.ledger.time_requests(now_ms, STEP_MAX_MS)?)
}

/// What a person here says to a request; whom to tell, if it is known only now which kit is meant.
///
/// # Errors
/// When there is no such request, it was answered, or it is not known which kit is meant.
pub fn answer(
    home: &Home,
    asker: &NodeId,
    allow: bool,
    kit: Option<KitId>,
    now_ms: i64,
) -> anyhow::Result<Option<Asked>> {
    count_time(home, now_ms)?;
    let held = home.ledger.shares()?;
    let requests = home.ledger.requests()?;
    let request = requests
        .iter()
        .find(|row| row.node == *asker)
        .context("nobody asks for this part any more; look at the page again")?;
    let subject = held.iter().find(|held| Some(held.kit) == request.kit).map(|held| held.household);
    home.vault.store.lower(ALARM_ASKED, subject)?;
    if !allow {
        ensure!(
            request.state != RequestState::Given,
            "it is too late to say no: the part was given out already. Call the home whose kit it is"
        );
        home.ledger.set_request(asker, request.state, RequestState::Refused, None)?;
        return Ok(None);
    }
    ensure!(
        request.state != RequestState::Refused,
        "somebody said no to this already. If it is really they, let them begin again and ask with a new invitation"
    );
    ensure!(
        !held.is_empty(),
        "this home holds no part of anybody's kit, so there is nothing to say yes to. They need only your link; leave this be"
    );
    let meant = request.kit.or(kit).or(match &held[..] {
        [only] => Some(only.kit),
        _ => None,
    });
    let held = meant.and_then(|kit| held.iter().find(|held| held.kit == kit));
    let held = held.context("it is not clear whose kit is meant: the name that they gave fits no part that is held here. Ask them how their home was called, and choose it on the page")?;
    home.ledger.set_request(asker, RequestState::Asked, RequestState::Allowed, Some(held.kit))?;
    Ok(request.kit.is_none().then(|| to_tell(held)))
}

/// The record of a kit, if this home has it.
///
/// # Errors
/// When the ledger cannot be read.
pub fn record(home: &Home, household: &HouseholdId, kit: &KitId) -> anyhow::Result<Option<Vec<u8>>> {
    let is_it = |bytes: &Vec<u8>| {
        KitRecord::decode(bytes).is_ok_and(|record| record.kit() == kit && record.household() == household)
    };
    let held = home.ledger.shares()?.into_iter().map(|held| held.record).find(is_it);
    // A disk that is not there, or a home that nothing is kept for, has none.
    Ok(held.or_else(|| home.vault.keeper.kits(household).unwrap_or_default().into_iter().find(is_it)))
}

pub(super) fn name_of(home: &Home, household: &HouseholdId) -> anyhow::Result<String> {
    let peer = home.ledger.peer(household)?;
    Ok(peer.map_or_else(|| household.to_string()[..8].to_owned(), |peer| peer.name()))
}

pub(super) fn alarm(
    home: &Home,
    kind: &'static str,
    household: Option<HouseholdId>,
    text: String,
    advice: &str,
    now_ms: i64,
) -> anyhow::Result<()> {
    tracing::warn!(kind, "{text}");
    Ok(home.vault.store.report(&NewAlarm { kind, household, text, advice: advice.to_owned() }, now_ms)?)
}
