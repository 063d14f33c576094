//! What the node promises about safety, tried from inside one process, where the disk can be made to fail
//! at any step: power cuts, full disks, files that vanish, and a catalog that is thrown away.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod homes;
mod lost_originals;
mod rebuild_property;
mod storage_crash;
mod troubled_disk;
mod truth;
