//! What people should know about copies, in this home and in others.
//!
//! A notice for another home waits until that home says it has it; of each kind only the last one waits, so little piles
//! up. What a notice of another home says becomes an alarm here, if that home keeps copies for this one.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use anyhow::Context;
use data_encoding::HEXLOWER;
use heirloom_identity::{HouseholdId, NodeId};
use heirloom_vault::keeper::{Alarm, AlarmKind};
use heirloom_vault::store::NewAlarm;
use heirloom_vault::{KeeperError, PackId};

use super::asking::Line;
use super::meeting;
use super::messages::{DAMAGED_MAX, Notice, VaultRequest};
use crate::clock;
use crate::home::Home;
use crate::protocols::network::Network;
use crate::vault::deletions::{self, Asked};

/// The setting that holds the notices that wait.
const SETTING_WAITING: &str = "notices";
/// The setting that holds the number of the keeper's last alarm that was passed on.
pub(crate) const SETTING_TOLD: &str = "keeper_alarm_told";
/// Notices that wait at once.
const WAITING_MAX: usize = 512;
/// Machines that restored a household and are remembered; the one that came longest ago is forgotten first.
const MACHINES_MAX: usize = 16;
/// A machine that comes again after so long is told of once more.
const MACHINE_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// The notices that wait: for whom, of which kind, which.
type Waiting = BTreeMap<(HouseholdId, u8), Notice>;

fn kind_of(notice: &Notice) -> u8 {
    match notice {
        Notice::Agreement => 0,
        Notice::Recovery { .. } => 1,
        Notice::Deletion { .. } => 2,
        Notice::Damaged(_) => 3,
        Notice::Fork { .. } => 4,
        Notice::KitAsked { .. } => 5,
        Notice::NotAsked { .. } => 6,
    }
}

fn read(home: &Home) -> anyhow::Result<Waiting> {
    let text = home.vault.store.setting(SETTING_WAITING)?.unwrap_or_default();
    // A list that cannot be read is an old program's, or damaged: the notices in it are lost, nothing else.
    let bytes = HEXLOWER.decode(text.as_bytes()).unwrap_or_default();
    Ok(postcard::from_bytes(&bytes).unwrap_or_default())
}

fn change(home: &Home, change: impl FnOnce(&mut Waiting)) -> anyhow::Result<()> {
    let _guard = home.vault.notices.lock().unwrap_or_else(PoisonError::into_inner);
    let mut waiting = read(home)?;
    change(&mut waiting);
    let bytes = postcard::to_stdvec(&waiting).context("a notice cannot be written down")?;
    Ok(home.vault.store.set_setting(SETTING_WAITING, &HEXLOWER.encode(&bytes))?)
}

/// Writes down what another home should know; it is told when it is met. Blocks.
pub(super) fn wait_for(home: &Home, household: HouseholdId, notice: Notice) -> anyhow::Result<()> {
    change(home, |waiting| {
        let place = (household, kind_of(&notice));
        if waiting.len() < WAITING_MAX || waiting.contains_key(&place) {
            waiting.insert(place, notice);
        }
    })
}

/// Tells another home what waits for it.
pub(super) async fn deliver(network: &Network, peer: HouseholdId, line: &Line) -> anyhow::Result<()> {
    let waiting = network.blocking(read).await?;
    for ((_, kind), notice) in waiting.into_iter().filter(|((household, _), _)| *household == peer) {
        line.tell(VaultRequest::Notice(notice.clone())).await?;
        let told = move |home: &Home| {
            change(home, |waiting| {
                if waiting.get(&(peer, kind)) == Some(&notice) {
                    waiting.remove(&(peer, kind));
                }
            })
        };
        network.blocking(told).await?;
    }
    Ok(())
}

/// Tells another home what waits for it, now, if it is connected; else when it is met.
pub(crate) fn deliver_soon(network: &Arc<Network>, peer: HouseholdId) {
    let Some(connection) = network.connection(&peer) else { return };
    let told = Arc::clone(network);
    network.tasks.spawn(async move {
        let delivering = async {
            if let Err(error) = deliver(&told, peer, &Line::new(connection)).await {
                tracing::debug!(peer = %peer, %error, "a notice is told when this home is met again");
            }
        };
        tokio::select! { () = delivering => {}, () = told.stopping.cancelled() => {} }
    });
}

/// Hears what another home wants this one's people to know.
pub(super) async fn take(network: &Arc<Network>, peer: HouseholdId, notice: Notice) -> anyhow::Result<()> {
    if notice == Notice::Agreement {
        meeting::look_soon(network, peer);
        return Ok(());
    }
    if let Notice::KitAsked { kit, .. } = notice {
        return super::kits::take_notice(network, peer, kit).await;
    }
    let us = network.home.keys.node.node();
    let taken = network.blocking(move |home| note(home, &peer, notice, &us)).await?;
    if taken {
        network.home.vault.wake();
    }
    Ok(())
}

/// Tells a keeper, when it is met, that packs were not to be deleted. Blocks.
pub(crate) fn not_asked(home: &Home, keeper: HouseholdId, packs: u64) -> anyhow::Result<()> {
    wait_for(home, keeper, Notice::NotAsked { packs, at_ms: clock::now_ms() })
}

/// A ward says that packs which it was said to want deleted are still wanted.
fn note_not_asked(home: &Home, ward: &HouseholdId, packs: u64) -> anyhow::Result<bool> {
    if home.vault.keeper.ward(ward).is_err() {
        return Ok(false);
    }
    let name = name_of(home, ward)?;
    alarm(
        home,
        "not_asked_here",
        ward,
        &format!(
            "You were asked, in the name of {name}, to delete parts of their copies that they need ({packs} in all)."
        ),
        "Call them: somebody may have the secret keys of their computer. Nothing is lost: the parts are held here for 30 \
         days, and what they need they send again.",
    )?;
    Ok(true)
}

/// Records a notice; whether it was one of a keeper of ours, or of a ward.
fn note(home: &Home, peer: &HouseholdId, notice: Notice, us: &NodeId) -> anyhow::Result<bool> {
    if let Notice::NotAsked { packs, .. } = notice {
        return note_not_asked(home, peer, packs);
    }
    let store = &home.vault.store;
    let Some(target) = store.target_of(peer)? else { return Ok(false) };
    let name = name_of(home, peer)?;
    match notice {
        Notice::Agreement | Notice::KitAsked { .. } | Notice::NotAsked { .. } => return Ok(false),
        // We came ourselves.
        Notice::Recovery { node, .. } if node == *us => return Ok(false),
        Notice::Recovery { .. } => alarm(
            home,
            "recovery",
            peer,
            &format!("Somebody with your 24 words fetched your copies from {name}."),
            "If it was none of you, somebody else knows your words, and can look at your photos: make a new home with new words, \
             as the guide says.",
        )?,
        Notice::Deletion { packs, bytes, .. } => {
            deletions::note(store, peer, Asked { packs, bytes })?;
            alarm(
                home,
                deletions::ALARM,
                peer,
                &format!(
                    "{name} was asked to delete {packs} parts of your copies, and waits for people to allow it."
                ),
                "If none of you removed many photos, say no: somebody may have the secret keys of this computer.",
            )?;
        }
        Notice::Damaged(packs) => store.mark_lost(target.id, &packs, clock::now_ms())?,
        Notice::Fork { .. } => alarm(
            home,
            "fork",
            peer,
            &format!("Two computers write the copies that {name} keeps for you."),
            "If this computer was set back to an older disk, or this home also runs on a second computer, switch that one \
             off for good. If not, its keys were stolen: stop Heirloom, run `heirloom keys renew` with your 24 words, and \
             start it again.",
        )?,
    }
    Ok(true)
}

/// Notes packs that another home found damaged among those that it keeps for us. Blocks.
pub(super) fn note_damaged(home: &Home, peer: &HouseholdId, packs: &[PackId]) -> anyhow::Result<()> {
    let Some(target) = home.vault.store.target_of(peer)? else { return Ok(()) };
    Ok(home.vault.store.mark_lost(target.id, packs, clock::now_ms())?)
}

/// Tells wards which of their packs a scrub found damaged here; those that are not connected ask when they are.
pub async fn scrubbed(network: &Arc<Network>, bad: &[(HouseholdId, PackId)]) {
    let mut of: BTreeMap<HouseholdId, Vec<PackId>> = BTreeMap::new();
    for (ward, pack) in bad {
        of.entry(*ward).or_default().push(*pack);
    }
    for (ward, mut packs) in of {
        packs.truncate(DAMAGED_MAX);
        let Some(connection) = network.connection(&ward) else { continue };
        let notice = VaultRequest::Notice(Notice::Damaged(packs));
        if let Err(error) = Line::new(connection).tell(notice).await {
            tracing::debug!(%ward, %error, "a ward asks for its damaged packs when it is met again");
        }
    }
    pass_on(network).await;
}

/// Tells people here, and the household's node, that somebody with its phrase reads what is kept for it: once for each
/// machine, however often it connects.
pub(super) async fn recovered(
    network: &Arc<Network>,
    household: HouseholdId,
    node: NodeId,
) -> anyhow::Result<()> {
    let recorded = move |home: &Home| {
        let now_ms = clock::now_ms();
        let (setting, mut machines) = machines(home, &household)?;
        if machines.iter().any(|(known, at_ms)| *known == node && (0..MACHINE_MS).contains(&(now_ms - at_ms)))
        {
            return Ok(false);
        }
        let name = name_of(home, &household)?;
        let text = format!("Somebody brings {name} back from the copies kept here, with their 24 words.");
        let advice = "If you know nothing of it, call them: their words may be in the wrong hands.";
        alarm(home, "recovery_here", &household, &text, advice)?;
        wait_for(home, household, Notice::Recovery { node, at_ms: now_ms })?;
        // Last: people are told twice rather than never.
        machines.retain(|(known, _)| *known != node);
        machines.insert(0, (node, now_ms));
        machines.truncate(MACHINES_MAX);
        let bytes = postcard::to_stdvec(&machines).context("a machine cannot be written down")?;
        home.vault.store.set_setting(&setting, &HEXLOWER.encode(&bytes))?;
        Ok(true)
    };
    if network.blocking(recorded).await? {
        deliver_soon(network, household);
    }
    Ok(())
}

/// The machines that restored a household from here, and when it was told; and the setting that holds them.
fn machines(home: &Home, household: &HouseholdId) -> anyhow::Result<(String, Vec<(NodeId, i64)>)> {
    let setting = format!("recoveries/{household}");
    let text = home.vault.store.setting(&setting)?.unwrap_or_default();
    // A list that cannot be read is as good as none: people are told once more.
    let bytes = HEXLOWER.decode(text.as_bytes()).unwrap_or_default();
    let machines = postcard::from_bytes(&bytes).unwrap_or_default();
    Ok((setting, machines))
}

/// Passes on what the keeper raised since it was last asked: to people here, and to the ward it is about.
pub async fn pass_on(network: &Arc<Network>) {
    match network.blocking(pass_on_here).await {
        Ok(wards) => wards.into_iter().for_each(|ward| deliver_soon(network, ward)),
        Err(error) => tracing::error!("could not pass on what the keeper found: {error:#}"),
    }
}

/// Records the keeper's new alarms; which wards they are about.
fn pass_on_here(home: &Home) -> anyhow::Result<Vec<HouseholdId>> {
    let vault = &home.vault;
    let mut told = vault.told.load(Ordering::Acquire);
    if told == 0 {
        told = vault.store.setting(SETTING_TOLD)?.and_then(|text| text.parse().ok()).unwrap_or(0);
    }
    let alarms = vault.keeper.alarms(told)?;
    let mut wards = Vec::new();
    for one in alarms {
        show(home, &one)?;
        if let Some(notice) = notice_of(home, &one)? {
            wait_for(home, one.ward, notice)?;
        }
        wards.push(one.ward);
        told = told.max(one.number);
        vault.store.set_setting(SETTING_TOLD, &told.to_string())?;
    }
    vault.told.store(told, Ordering::Release);
    Ok(wards)
}

/// What people here read about an alarm of the keeper's.
fn show(home: &Home, one: &Alarm) -> anyhow::Result<()> {
    let name = name_of(home, &one.ward)?;
    let packs = one.packs;
    let (kind, text, advice) = match one.kind {
        AlarmKind::Fork => (
            "fork_here",
            format!("Two computers write the copies that you keep for {name}."),
            "Ask them whether they restored their computer; if not, its keys may be stolen.",
        ),
        AlarmKind::DeletionAsked => (
            "deletion_here",
            format!("{name} wants {packs} parts of the copies deleted that you keep for them."),
            "Ask them before you allow it; nothing is removed until then, nor for 30 days after.",
        ),
        AlarmKind::Damaged => (
            "damaged_here",
            format!("{packs} parts of the copies that you keep for {name} were damaged on this disk."),
            "They are sent again by themselves. If it happens again, the disk may be failing.",
        ),
        AlarmKind::OldDisk => (
            "old_disk",
            format!(
                "The disk with the copies of {name} lacks {packs} parts that were on it: perhaps it is an older disk."
            ),
            "Put the right disk back, or leave it: what is missing is sent again.",
        ),
        AlarmKind::Restored => (
            "restored_here",
            format!("{name} was restored on a new computer, which sends its copies from now on."),
            "If you know nothing of it, call them.",
        ),
    };
    alarm(home, kind, &one.ward, &text, advice)
}

/// What the ward reads about it.
fn notice_of(home: &Home, one: &Alarm) -> anyhow::Result<Option<Notice>> {
    let at_ms = clock::now_ms();
    // Who is no ward any more need not be told, and is not to keep the others from being told.
    let ward = match home.vault.keeper.ward(&one.ward) {
        Err(KeeperError::NotAWard) => return Ok(None),
        ward => ward?,
    };
    Ok(match one.kind {
        AlarmKind::Fork => Some(Notice::Fork { number: ward.last_head.map_or(0, |head| head.number), at_ms }),
        AlarmKind::DeletionAsked => {
            ward.ask.map(|ask| Notice::Deletion { packs: ask.packs, bytes: ask.bytes, at_ms })
        }
        // It asks for the packs themselves.
        AlarmKind::Damaged | AlarmKind::OldDisk | AlarmKind::Restored => None,
    })
}

/// Shows people something until they have seen it.
pub(super) fn alarm(
    home: &Home,
    kind: &'static str,
    household: &HouseholdId,
    text: &str,
    advice: &str,
) -> anyhow::Result<()> {
    tracing::warn!(kind, %household, "{text}");
    let (text, advice) = (text.to_owned(), advice.to_owned());
    let alarm = NewAlarm { kind, household: Some(*household), text, advice };
    Ok(home.vault.store.report(&alarm, clock::now_ms())?)
}

/// What people here call a home.
pub(super) fn name_of(home: &Home, household: &HouseholdId) -> anyhow::Result<String> {
    let peer = home.ledger.peer(household)?;
    Ok(peer.map_or_else(|| household.to_string()[..8].to_owned(), |peer| peer.name()))
}
