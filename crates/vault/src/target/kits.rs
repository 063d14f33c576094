//! Which records of recovery kits a place keeps, and which a revocation takes out: pure.

use heirloom_identity::{HouseholdId, KitRecord, Revocation, VaultHead};

use super::KITS_MAX;

/// What becomes of a record, or a revocation, that arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Kept; the records at these places go.
    Kept {
        /// Places in the list of what is here.
        without: Vec<usize>,
    },
    /// It is here, or says nothing new.
    Known,
    /// It isn't kept.
    Refused(&'static str),
}

/// Judges what arrives by what is here. `newest` is the head that outranks the others, if there is one: a node that was
/// replaced revokes nothing.
pub(crate) fn admit(
    here: &[Vec<u8>],
    new: &[u8],
    household: &HouseholdId,
    newest: Option<&VaultHead>,
) -> Admission {
    if here.iter().any(|known| known == new) {
        return Admission::Known;
    }
    let revoked = |record: &KitRecord| {
        let mut revocations = here.iter().filter_map(|known| Revocation::decode(known).ok());
        revocations.any(|revocation| revocation.kit() == record.kit())
    };
    if let Ok(revocation) = Revocation::decode(new) {
        return revoke(here, &revocation, household, newest);
    }
    if let Ok(record) = KitRecord::decode(new) {
        if record.household() != household {
            return Admission::Refused("the kit is another household's");
        }
        if revoked(&record) {
            return Admission::Refused("the kit was revoked");
        }
    }
    if here.len() >= KITS_MAX {
        return Admission::Refused("too many kit records are here");
    }
    Admission::Kept { without: Vec::new() }
}

fn revoke(
    here: &[Vec<u8>],
    revocation: &Revocation,
    household: &HouseholdId,
    newest: Option<&VaultHead>,
) -> Admission {
    if revocation.household() != household {
        return Admission::Refused("the revocation is another household's");
    }
    if newest.is_some_and(|head| head.certificate().outranks(revocation.certificate())) {
        return Admission::Refused("the node that signed the revocation was replaced");
    }
    let mut revocations = here.iter().filter_map(|known| Revocation::decode(known).ok());
    if revocations.any(|known| known.kit() == revocation.kit()) {
        return Admission::Known;
    }
    let is_of_kit =
        |known: &Vec<u8>| KitRecord::decode(known).is_ok_and(|record| record.kit() == revocation.kit());
    let without: Vec<_> = (0..here.len()).filter(|at| is_of_kit(&here[*at])).collect();
    if here.len() - without.len() >= KITS_MAX {
        return Admission::Refused("too many kit records are here");
    }
    Admission::Kept { without }
}

/// Leaves out records whose revocation is among them.
pub(crate) fn without_revoked(kits: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let revoked: Vec<_> = kits
        .iter()
        .filter_map(|kit| Revocation::decode(kit).ok())
        .map(|revocation| *revocation.kit())
        .collect();
    let is_live =
        |kit: &Vec<u8>| KitRecord::decode(kit).map_or(true, |record| !revoked.contains(record.kit()));
    kits.into_iter().filter(is_live).collect()
}
