//! What the sentence is made from.

use heirloom_vault::policy::Standing;
use heirloom_vault::policy::health::{
    DeletionFacts, DrillFacts, Facts, HomeFacts, OriginalFacts, PlaceFacts,
};
use heirloom_vault::store::TargetRow;

use super::Gathered;
use crate::home::phrase;
use crate::restore::Stage;
use crate::vault::worker::DRILL_SINCE;
use crate::vault::{deletions, overdue};

/// With less room than this on the home's disk nothing comes back, and soon nothing goes out.
const FULL_BYTES: u64 = 512 << 20;
/// Originals away that are looked at one by one.
const AWAY_MAX: usize = 10_000;

/// Gathers the facts of now.
pub(super) fn facts(gathered: &Gathered<'_>) -> anyhow::Result<Facts> {
    let (home, store) = (gathered.home, &gathered.home.vault.store);
    let homes = gathered.rows.iter().filter(|row| row.household().is_some());
    let own = gathered.rows.iter().filter(|row| row.household().is_none());
    let own = own.filter(|row| row.standing == Standing::Active);
    let enabled_ms = home.keys.certificate.issued_at_ms();
    Ok(Facts {
        now_ms: gathered.now_ms,
        enabled: home.keys.vault().is_some(),
        enabled_ms,
        books_owed: gathered.books_owed,
        photos: gathered.overview.photos,
        homes: homes.map(|row| home_facts(gathered, row)).collect::<Result<_, _>>()?,
        places: own.map(|row| place_facts(gathered, row)).collect(),
        alone_ms: store.alone_ms()?,
        unlisted_ms: overdue::unlisted_ms(home)?,
        phrase_verified_ms: phrase::verified_ms(home)?,
        drills: DrillFacts {
            last: store.drills(1)?.first().map(|drill| (drill.at_ms, drill.problems)),
            possible_since_ms: store.moment(DRILL_SINCE)?,
        },
        originals: originals(gathered)?,
        disk_is_full: !home.has_room_for_own(0, FULL_BYTES),
        deletions: DeletionFacts {
            of_ours_at: asked_of_ours(gathered)?,
            of_theirs: gathered
                .wards
                .iter()
                .filter(|ward| ward.ask.is_some())
                .map(|ward| gathered.name(&ward.household))
                .collect(),
        },
    })
}

fn home_facts(gathered: &Gathered<'_>, row: &TargetRow) -> anyhow::Result<HomeFacts> {
    let counts = gathered.counts(row.id);
    Ok(HomeFacts {
        name: gathered.place_name(&row.place),
        standing: row.standing,
        photos: counts.photos,
        pending_packs: counts.pending_packs,
        lost: counts.lost,
        stale: counts.stale,
        away_ms: row.away_ms,
        absent_ms: row.absent_ms,
        full: row.full_ms.is_some(),
        refusal: row.refusal.clone(),
        trouble: row.trouble.clone(),
        behind_ms: overdue::behind_ms(gathered.home, row.id)?,
    })
}

fn place_facts(gathered: &Gathered<'_>, row: &TargetRow) -> PlaceFacts {
    let counts = gathered.counts(row.id);
    PlaceFacts {
        name: gathered.place_name(&row.place),
        photos: counts.photos,
        lost: counts.lost,
        stale: counts.stale,
        absent_ms: row.absent_ms,
        full: row.full_ms.is_some(),
    }
}

fn originals(gathered: &Gathered<'_>) -> anyhow::Result<OriginalFacts> {
    let store = &gathered.home.vault.store;
    let (damaged, missing) = store.originals_away_count()?;
    let mut without_copy = 0;
    if damaged + missing > 0 {
        for photo in store.originals_away(i64::MAX, AWAY_MAX)? {
            without_copy += u64::from(store.copies_of(&photo.picture.content)?.is_empty());
        }
    }
    let restoring = gathered.home.restoring.progress();
    let restoring = restoring.is_some_and(|progress| progress.stage != Stage::Done);
    Ok(OriginalFacts { damaged, missing, without_copy, restoring })
}

/// Homes that told this one of a deletion in its name that waits for a person.
fn asked_of_ours(gathered: &Gathered<'_>) -> anyhow::Result<Vec<String>> {
    let alarms = gathered.home.vault.store.alarms()?;
    let asked = alarms.iter().filter(|alarm| alarm.kind == deletions::ALARM && !alarm.seen);
    Ok(asked.filter_map(|alarm| alarm.household).map(|household| gathered.name(&household)).collect())
}
