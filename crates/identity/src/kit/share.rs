//! One share of a kit, as bytes and as letters on a sheet.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{KitError, KitId, Quorum, SECRET_BYTES};
use crate::{
    card::is_plain,
    ids::HouseholdId,
    wire::{Reader, Writer},
};

/// The version that this code writes and reads.
const VERSION: u8 = 1;
/// A share's number, and a byte for each byte of the secret.
const POINT_BYTES: usize = 1 + SECRET_BYTES;
/// How many bytes every share has.
pub const SHARE_BYTES: usize = 1 + 32 + 16 + 2 + POINT_BYTES;
/// How many bytes of a hash tell a whole sheet from a mixture.
const CHECK_BYTES: usize = 3;
/// How many groups of letters a sheet has.
pub const SHARE_GROUPS: usize = 20;
/// How many letters of a group carry something; the last one checks them.
const GROUP_DATA: usize = 7;
/// How many letters a group has.
const GROUP_LETTERS: usize = GROUP_DATA + 1;
/// How many groups stand in a line.
const GROUPS_IN_LINE: usize = 4;
/// How much text is looked at: a sheet, and white space and hyphens that somebody typed.
const TEXT_BYTES_MAX: usize = 4096;
/// Crockford's letters: none that is easily taken for another.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// One share of a kit's secret. `Debug` doesn't show it; it is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct KitShare {
    household: HouseholdId,
    kit: KitId,
    quorum: Quorum,
    point: [u8; POINT_BYTES],
}

impl KitShare {
    /// A share from the secret sharing's own bytes.
    pub(super) fn from_parts(
        household: HouseholdId,
        kit: KitId,
        quorum: Quorum,
        point: &[u8],
    ) -> Result<Self, KitError> {
        let point: [u8; POINT_BYTES] = point.try_into().map_err(|_| KitError::Length(point.len()))?;
        match point[0] {
            index if (1..=quorum.count()).contains(&index) => Ok(Self { household, kit, quorum, point }),
            other => Err(KitError::Index(other)),
        }
    }

    /// The share's only encoding: [`SHARE_BYTES`], as secret as the share.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Writer::with_capacity(SHARE_BYTES);
        bytes.u8(VERSION).bytes(self.household.as_bytes()).bytes(self.kit.as_bytes());
        bytes.u8(self.quorum.threshold()).u8(self.quorum.count()).bytes(&self.point);
        Zeroizing::new(bytes.into_bytes())
    }

    /// Reads a share. Whether it is one of the kit's, [`KitRecord::holds`](super::KitRecord::holds) says.
    ///
    /// # Errors
    /// [`KitError::Length`], [`KitError::Version`], [`KitError::Quorum`], [`KitError::Index`].
    pub fn decode(bytes: &[u8]) -> Result<Self, KitError> {
        let length = || KitError::Length(bytes.len());
        let mut reader = Reader(bytes);
        match reader.u8().ok_or_else(length)? {
            VERSION => {}
            other => return Err(KitError::Version(other)),
        }
        let household = HouseholdId::from_bytes(reader.array().ok_or_else(length)?);
        let kit = KitId::from_bytes(reader.array().ok_or_else(length)?);
        let [threshold, count] = reader.array().ok_or_else(length)?;
        if reader.0.len() != POINT_BYTES {
            return Err(length());
        }
        Self::from_parts(household, kit, Quorum::new(threshold, count)?, reader.0)
    }

    /// The share as it is printed: five lines of four groups of eight letters. The last letter of each group checks the
    /// group and its place, so that a sheet typed wrongly says where.
    pub fn text(&self) -> Zeroizing<String> {
        let encoded = self.encode();
        let check = blake3::hash(&encoded);
        let bytes = Zeroizing::new([&encoded[..], &check.as_bytes()[..CHECK_BYTES]].concat());
        let mut text = Zeroizing::new(String::with_capacity(SHARE_GROUPS * (GROUP_LETTERS + 1)));
        for group in 0..SHARE_GROUPS {
            if group > 0 {
                text.push(if group % GROUPS_IN_LINE == 0 { '\n' } else { ' ' });
            }
            let mut values = Zeroizing::new([0; GROUP_LETTERS]);
            for (place, value) in values[..GROUP_DATA].iter_mut().enumerate() {
                *value = five_bits(&bytes, group * GROUP_DATA + place);
            }
            values[GROUP_DATA] = check_value(group, &values[..GROUP_DATA]);
            text.extend(values.iter().map(|value| char::from(LETTERS[usize::from(*value)])));
        }
        text
    }

    /// Reads what a person typed from a sheet. Small letters, white space, line breaks and hyphens don't matter, `O` is
    /// read as `0`, `I` and `L` as `1`.
    ///
    /// # Errors
    /// [`KitError::Letter`], [`KitError::Group`] for the first group that is wrong, [`KitError::Letters`] when some are
    /// missing or too many, [`KitError::Sheet`], and what [`KitShare::decode`] refuses.
    pub fn parse(text: &str) -> Result<Self, KitError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(KitError::Letters(text.chars().count()));
        }
        let mut values = Zeroizing::new(Vec::with_capacity(text.len()));
        for letter in text.chars().filter(|letter| !is_separator(*letter)) {
            values.push(value_of(letter).ok_or(KitError::Letter(letter))?);
        }
        let whole = values.len() / GROUP_LETTERS;
        for (group, values) in values.chunks_exact(GROUP_LETTERS).take(SHARE_GROUPS).enumerate() {
            if check_value(group, &values[..GROUP_DATA]) != values[GROUP_DATA] {
                return Err(KitError::Group(group + 1));
            }
        }
        if whole != SHARE_GROUPS || values.len() != whole * GROUP_LETTERS {
            return Err(KitError::Letters(values.len()));
        }
        Self::decode(&whole_sheet(&values)?)
    }

    /// The household whose kit it is.
    pub fn household(&self) -> &HouseholdId {
        &self.household
    }

    /// The kit that it belongs to.
    pub fn kit(&self) -> &KitId {
        &self.kit
    }

    /// How many shares the kit has, and how many open it.
    pub fn quorum(&self) -> Quorum {
        self.quorum
    }

    /// Which share it is, from 1.
    pub fn index(&self) -> u8 {
        self.point[0]
    }

    /// The share's number and its bytes, as the secret sharing has them.
    pub(super) fn point(&self) -> &[u8] {
        &self.point
    }

    pub(super) fn is_of_same_kit(&self, other: &Self) -> bool {
        (self.household, self.kit, self.quorum) == (other.household, other.kit, other.quorum)
    }
}

impl fmt::Debug for KitShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KitShare({} of kit {}, secret)", self.index(), self.kit)
    }
}

impl Drop for KitShare {
    fn drop(&mut self) {
        self.point.zeroize();
    }
}

impl ZeroizeOnDrop for KitShare {}

/// Five bits of the bytes as a number, the most significant first; behind the end there are zeros.
fn five_bits(bytes: &[u8], number: usize) -> u8 {
    let (byte, bit) = (number * 5 / 8, number * 5 % 8);
    let [high, low] = [byte, byte + 1].map(|place| bytes.get(place).copied().unwrap_or(0));
    let shifted = u16::from_be_bytes([high, low]) << bit;
    shifted.to_be_bytes()[0] >> 3
}

/// The encoded share inside the values of a whole sheet.
fn whole_sheet(values: &[u8]) -> Result<Zeroizing<Vec<u8>>, KitError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(SHARE_BYTES + CHECK_BYTES));
    let (mut bits, mut count) = (0_u16, 0);
    for value in values.chunks_exact(GROUP_LETTERS).flat_map(|group| &group[..GROUP_DATA]) {
        bits = (bits << 5) | u16::from(*value);
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count).to_le_bytes()[0]);
        }
        bits &= (1 << count) - 1;
    }
    let check = bytes.split_off(SHARE_BYTES);
    let expected = blake3::hash(&bytes);
    let good = bits == 0 && check == expected.as_bytes()[..CHECK_BYTES];
    if good { Ok(bytes) } else { Err(KitError::Sheet) }
}

/// A group's last letter: its seven values, each times a power of 2 of its own, and the group's number, added in GF(32).
/// One wrong letter, two swapped ones and two swapped groups always show.
fn check_value(group: usize, values: &[u8]) -> u8 {
    let number = group.to_le_bytes()[0];
    values.iter().rev().fold(0, |sum, value| times_two(sum ^ value)) ^ number
}

/// Multiplies by 2 in GF(32) with the polynomial x⁵ + x² + 1.
fn times_two(value: u8) -> u8 {
    let doubled = value << 1;
    if doubled & 0x20 == 0 { doubled } else { doubled ^ 0x25 }
}

fn is_separator(letter: char) -> bool {
    letter.is_whitespace() || !is_plain(letter) || matches!(letter, '-' | '–' | '.' | '·')
}

fn value_of(letter: char) -> Option<u8> {
    let letter = match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let place = LETTERS.iter().position(|candidate| char::from(*candidate) == letter)?;
    u8::try_from(place).ok()
}
