//! The skeleton: enough of every photo of a library to lay out the whole grid, in three bytes each.
//!
//! Little-endian. `docs/formats/timeline.md` draws it:
//!
//! ```text
//! 0  "HTL1"
//! 4  u32 rev         8  u32 n photos
//! 12 u16 m months    14 u16 flags (bit 0: partial)
//! 16 m × { u16 year, u8 month, u8 days, u32 count, u32 month rev, days × u32 (day | count << 8) }
//! .. u8 aspect[n], pad to an even offset, u16 colour[n]
//! ```

use heirloom_identity::AccountId;

use super::View;
use super::memory::{Month, lock, refresh};
use super::months::{MonthCount, all_months, revision_of};
use crate::catalog::owner_of;
use crate::{Catalog, CatalogError};

const MAGIC: &[u8; 4] = b"HTL1";
/// Flag: this file replaces the months it lists and says nothing of others.
const PARTIAL: u16 = 1;

impl Catalog {
    /// The skeleton of a view, or with `since` only the months that changed after that revision.
    ///
    /// A revision from the future (of a catalog that is gone) and 0 are answered in full. A month that became
    /// empty appears with a count of 0 in a partial answer, and not at all in a full one.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn skeleton(
        &self,
        account: &AccountId,
        view: View,
        since: Option<u32>,
    ) -> Result<Vec<u8>, CatalogError> {
        self.db.read(|conn| {
            let Some(owner) = owner_of(conn, account)? else { return encode(0, false, &[]) };
            let kept = self.memory.view(owner, view);
            let mut kept = lock(&kept);
            let snapshot = conn.unchecked_transaction()?;
            let rev = revision_of(&snapshot, account)?;
            let since = since.filter(|since| *since > 0 && *since <= rev);
            let listed: Vec<MonthCount> = all_months(&snapshot, owner, view)?
                .into_iter()
                .filter(|month| since.map_or(month.count > 0, |since| month.rev > since))
                .collect();
            for month in &listed {
                refresh(&mut kept, &snapshot, owner, view, *month)?;
            }
            let empty = Month::default();
            let months: Vec<(MonthCount, &Month)> =
                listed.iter().map(|month| (*month, kept.get(&month.month).unwrap_or(&empty))).collect();
            encode(rev, since.is_some(), &months)
        })
    }
}

fn encode(rev: u32, partial: bool, months: &[(MonthCount, &Month)]) -> Result<Vec<u8>, CatalogError> {
    let impossible = |what| move |_| CatalogError::Impossible { what };
    let photos: usize = months.iter().map(|(_, month)| month.aspects.len()).sum();
    let days: usize = months.iter().map(|(_, month)| month.days.len()).sum();
    let mut out = Vec::with_capacity(16 + 12 * months.len() + 4 * days + 3 * photos + 1);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&rev.to_le_bytes());
    out.extend_from_slice(&u32::try_from(photos).map_err(impossible("number of photos"))?.to_le_bytes());
    out.extend_from_slice(
        &u16::try_from(months.len()).map_err(impossible("number of months"))?.to_le_bytes(),
    );
    out.extend_from_slice(&if partial { PARTIAL } else { 0 }.to_le_bytes());
    for (at, month) in months {
        let year = u16::try_from(at.month / 100).map_err(impossible("year"))?;
        let count = u32::try_from(month.aspects.len()).map_err(impossible("number of photos"))?;
        out.extend_from_slice(&year.to_le_bytes());
        out.push(u8::try_from(at.month % 100).map_err(impossible("month"))?);
        out.push(u8::try_from(month.days.len()).map_err(impossible("number of days"))?);
        out.extend_from_slice(&count.to_le_bytes());
        out.extend_from_slice(&at.rev.to_le_bytes());
        for (day, count) in &month.days {
            out.extend_from_slice(&(u32::from(*day) | count << 8).to_le_bytes());
        }
    }
    for (_, month) in months {
        out.extend_from_slice(&month.aspects);
    }
    if !out.len().is_multiple_of(2) {
        out.push(0);
    }
    for (_, month) in months {
        out.extend_from_slice(&month.colours);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::super::vectors;
    use super::*;

    /// Encodes what a golden file's description says and compares the bytes.
    fn check(name: &str) {
        let wanted = vectors::json(&format!("skeleton-{name}.json"));
        let number = |value: &serde_json::Value| u32::try_from(value.as_u64().unwrap()).unwrap();
        let list = |value: &serde_json::Value| -> Vec<u32> {
            value.as_array().unwrap().iter().map(number).collect()
        };
        let (aspects, colours) = (list(&wanted["aspect"]), list(&wanted["colour"]));
        let months: Vec<(MonthCount, Month)> = wanted["months"]
            .as_array()
            .unwrap()
            .iter()
            .map(|month| {
                let count = number(&month["count"]);
                let first = usize::try_from(number(&month["first"])).unwrap();
                let range = first..first + usize::try_from(count).unwrap();
                let days = month["days"].as_array().unwrap().iter().map(list);
                let number = i32::try_from(number(&month["year"]) * 100 + number(&month["month"])).unwrap();
                let rev = month["month_rev"].as_u64().unwrap().try_into().unwrap();
                let kept = Month {
                    rev,
                    days: days.map(|day| (u8::try_from(day[0]).unwrap(), day[1])).collect(),
                    aspects: aspects[range.clone()].iter().map(|byte| u8::try_from(*byte).unwrap()).collect(),
                    colours: colours[range]
                        .iter()
                        .flat_map(|colour| colour.to_le_bytes()[..2].to_vec())
                        .collect(),
                    starts: Vec::new(),
                };
                (MonthCount { month: number, count, rev }, kept)
            })
            .collect();
        let months: Vec<(MonthCount, &Month)> = months.iter().map(|(at, month)| (*at, month)).collect();
        let bytes = encode(number(&wanted["rev"]), wanted["partial"].as_bool().unwrap(), &months).unwrap();
        assert!(bytes == vectors::bytes(&format!("skeleton-{name}.bin")), "{name}");
    }

    #[test]
    fn golden_files() {
        let names = vectors::names("skeleton-", ".bin");
        assert!(names.len() >= 6, "{names:?}");
        names.iter().for_each(|name| check(name));
    }
}
