//! How much may be kept, and how much may be deleted: arithmetic only.

use crate::Room;

/// The part of a quota that is set aside for heads and packs of metadata: one in so many.
pub(crate) const RESERVE_PART: u64 = 20;
/// The part of what is kept that may be deleted in 30 days without a person: one in so many.
pub(super) const DELETE_PART: u64 = 20;

/// The part of a disk that wards leave free for this home's own photos and books: one in so many, within these bounds, and
/// never more than a quarter.
const SPARE_PART: u64 = 20;
const SPARE_BYTES_MIN: u64 = 1 << 30;
const SPARE_BYTES_MAX: u64 = 20 << 30;

/// What wards leave free of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Spare {
    /// A part of it.
    #[default]
    Part,
    /// What the keeper's people said.
    Bytes(u64),
}

impl Spare {
    /// Bytes of a disk of this size.
    pub(super) fn of(self, disk_bytes: u64) -> u64 {
        match self {
            Self::Part => {
                (disk_bytes / SPARE_PART).clamp(SPARE_BYTES_MIN, SPARE_BYTES_MAX).min(disk_bytes / 4)
            }
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// What counts against a ward's quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Budget {
    /// What was agreed.
    pub(super) quota: u64,
    /// Bytes of packs in the common part, held ones too. A pack counts for the smallest size class at least, so that
    /// nobody fills a disk with files of a byte.
    pub(super) common: u64,
    /// Bytes of packs that the ward flagged for the reserve, held ones too, of heads and of kit records.
    pub(super) reserve: u64,
}

impl Budget {
    /// Counts packs.
    pub(super) fn add(&mut self, reserve: bool, bytes: u64) {
        let part = if reserve { &mut self.reserve } else { &mut self.common };
        *part = part.saturating_add(bytes);
    }

    pub(super) fn used(&self) -> u64 {
        self.common.saturating_add(self.reserve)
    }

    /// Bytes that stay free of the `spare` ones when the ward puts a pack. Its reserve, what a restore begins with, goes
    /// nearer to the end of the disk; what it flags beyond that is like everything else.
    pub(super) fn spare(&self, room: Room, bytes: u64, spare: u64) -> u64 {
        let is_within = self.reserve.saturating_add(bytes) <= self.quota / RESERVE_PART;
        if room == Room::Reserve && is_within { spare / 4 } else { spare }
    }

    /// Bytes that a pack may still have. What doesn't fit in the reserve goes on in the common part; the reverse never.
    pub(super) fn free(&self, room: Room) -> u64 {
        let reserve = self.quota / RESERVE_PART;
        let overflow = self.reserve.saturating_sub(reserve);
        let common = (self.quota - reserve).saturating_sub(self.common.saturating_add(overflow));
        match room {
            Room::Common => common,
            Room::Reserve => common + reserve.saturating_sub(self.reserve),
        }
    }
}

/// Bytes that may be deleted now without a person, when `kept` bytes are kept and `deleted` were deleted in the last 30
/// days and are still held.
pub(crate) fn deletable(kept: u64, deleted: u64) -> u64 {
    (kept.saturating_add(deleted) / DELETE_PART).saturating_sub(deleted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn photos_leave_the_reserve_alone() {
        let full = Budget { quota: 1000, common: 950, reserve: 0 };
        assert_eq!((full.free(Room::Common), full.free(Room::Reserve)), (0, 50));
        let metadata_first = Budget { quota: 1000, common: 0, reserve: 80 };
        assert_eq!((metadata_first.free(Room::Common), metadata_first.free(Room::Reserve)), (920, 920));
    }

    #[test]
    fn a_disk_keeps_room_for_its_own_home() {
        const GB: u64 = 1 << 30;
        let part = |disk| Spare::Part.of(disk);
        assert_eq!(part(100 * GB), 5 * GB);
        assert_eq!(part(8000 * GB), 20 * GB);
        assert_eq!((part(16 * GB), part(2 * GB), part(0)), (GB, GB / 2, 0));
        assert_eq!(Spare::Bytes(7).of(8000 * GB), 7);
        let ward = Budget { quota: 20 * GB, common: 0, reserve: GB / 2 };
        assert_eq!(ward.spare(Room::Common, 1, 5 * GB), 5 * GB);
        assert_eq!(ward.spare(Room::Reserve, GB / 2, 5 * GB), 5 * GB / 4);
        assert_eq!(ward.spare(Room::Reserve, GB / 2 + 1, 5 * GB), 5 * GB, "not by flagging everything");
    }

    #[test]
    fn a_twentieth_may_go_without_a_person() {
        assert_eq!(deletable(2000, 0), 100);
        assert_eq!(deletable(1900, 100), 0);
        assert_eq!(deletable(19, 0), 0);
        assert_eq!(deletable(0, 0), 0);
    }

    proptest! {
        /// Whatever a ward flags, the quota holds, and photos never take the reserve.
        #[test]
        fn the_quota_holds(quota in 0_u64..5000, puts in prop::collection::vec((0_u64..400, any::<bool>()), 0..60)) {
            let mut budget = Budget { quota, ..Budget::default() };
            for (bytes, reserve) in puts {
                let room = if reserve { Room::Reserve } else { Room::Common };
                if bytes <= budget.free(room) {
                    match room {
                        Room::Common => budget.common += bytes,
                        Room::Reserve => budget.reserve += bytes,
                    }
                }
                prop_assert!(budget.used() <= quota);
                prop_assert!(budget.common <= quota - quota / RESERVE_PART);
                prop_assert!(budget.used() + budget.free(Room::Reserve) <= quota);
            }
        }

        /// Deleting in many small steps gets no further than deleting at once.
        #[test]
        fn small_steps_delete_no_more(steps in prop::collection::vec(1_u64..50, 0..100)) {
            let (mut kept, mut deleted) = (10_000_u64, 0_u64);
            for step in steps {
                if step <= deletable(kept, deleted) {
                    kept -= step;
                    deleted += step;
                }
            }
            prop_assert!(deleted * DELETE_PART <= 10_000);
        }
    }
}
