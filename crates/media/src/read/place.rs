//! Where a picture was taken.

use super::fields::{Fields, Part};
use crate::Position;

/// GPS tags (Exif 3.0, §4.6.7).
const LATITUDE_REF: u16 = 0x0001;
const LATITUDE: u16 = 0x0002;
const LONGITUDE_REF: u16 = 0x0003;
const LONGITUDE: u16 = 0x0004;
const ALTITUDE_REF: u16 = 0x0005;
const ALTITUDE: u16 = 0x0006;

/// Where the picture was taken; `None` without both hemispheres, out of range, or at the 0, 0 of a camera that
/// doesn't know.
pub(crate) fn position(fields: &Fields) -> Option<Position> {
    let latitude = angle(fields, LATITUDE, LATITUDE_REF, ['N', 'S'])?;
    let longitude = angle(fields, LONGITUDE, LONGITUDE_REF, ['E', 'W'])?;
    let is_on_earth = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    // Nobody's photo is within a metre of this spot in the Gulf of Guinea.
    let is_unknown = latitude.abs() < 1e-5 && longitude.abs() < 1e-5;
    (is_on_earth && !is_unknown).then(|| Position { latitude, longitude, altitude_m: altitude(fields) })
}

/// Degrees, minutes and seconds as one number, negative in the second hemisphere.
fn angle(fields: &Fields, tag: u16, reference: u16, hemispheres: [char; 2]) -> Option<f64> {
    let parts = fields.numbers(Part::Gps, tag)?;
    let degrees = *parts.first()?;
    // Some writers leave minutes or seconds as 0/0 and put the fraction into the part before.
    let part = |index: usize| parts.get(index).copied().filter(|part| part.is_finite()).unwrap_or(0.0);
    let angle = degrees + part(1) / 60.0 + part(2) / 3600.0;
    let hemisphere = fields.text(Part::Gps, reference)?.chars().next()?.to_ascii_uppercase();
    let sign = match hemispheres.iter().position(|known| *known == hemisphere)? {
        0 => 1.0,
        _ => -1.0,
    };
    (angle.is_finite() && angle >= 0.0).then_some(sign * angle)
}

/// Metres above sea level.
fn altitude(fields: &Fields) -> Option<f64> {
    let metres = fields.number(Part::Gps, ALTITUDE)?;
    let is_below = fields.number(Part::Gps, ALTITUDE_REF).is_some_and(|reference| reference == 1.0);
    let metres = if is_below { -metres.abs() } else { metres };
    (-11_000.0..=100_000.0).contains(&metres).then_some(metres)
}
