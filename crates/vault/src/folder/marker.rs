//! The file that says whose vault lies in a folder, and on which disk.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use heirloom_identity::HouseholdId;

/// The marker's name in the folder.
pub const MARKER_NAME: &str = "HEIRLOOM-VAULT";
/// A marker is never longer.
pub(crate) const MARKER_BYTES_MAX: u64 = 1024;

const FIRST_LINE: &str = "Heirloom vault, version 1";

/// Which folder this is among all that hold a household's packs: 16 random bytes, made with the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DiskId(pub [u8; 16]);

impl fmt::Display for DiskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl FromStr for DiskId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| ())?;
        Ok(Self(bytes.try_into().map_err(|_| ())?))
    }
}

/// What the marker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker {
    /// Whose packs lie here.
    pub household: HouseholdId,
    /// Which folder of theirs this is.
    pub disk: DiskId,
}

impl Marker {
    /// The file's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!(
            "{FIRST_LINE}\nhousehold {}\ndisk {}\n\nEncrypted copies of a household's photos. Please keep this folder as it is.\n",
            self.household, self.disk
        )
    }

    /// Reads the file's text; nothing when it is not a marker of this version.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != FIRST_LINE {
            return None;
        }
        let household = lines.next()?.strip_prefix("household ")?.parse().ok()?;
        let disk = lines.next()?.strip_prefix("disk ")?.parse().ok()?;
        Some(Self { household, disk })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_read_back() {
        let marker = Marker { household: HouseholdId::from_bytes([7; 32]), disk: DiskId([9; 16]) };
        assert_eq!(Marker::from_text(&marker.to_text()), Some(marker));
    }

    #[test]
    fn what_is_not_a_marker_is_refused() {
        let right = Marker { household: HouseholdId::from_bytes([7; 32]), disk: DiskId([9; 16]) }.to_text();
        for wrong in [
            String::new(),
            right.replace("version 1", "version 2"),
            right.replace("disk 09", "disk 0X"),
            right.replace("disk 09", "disk 0"),
            right.replace("household 07", "household "),
            right.lines().next().unwrap_or_default().to_owned(),
        ] {
            assert_eq!(Marker::from_text(&wrong), None, "{wrong}");
        }
    }
}
