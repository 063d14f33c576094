//! EXIF and XMP turned into [`Metadata`].
//!
//! Two EXIF readers look at the same block: `nom-exif` first, then `kamadak-exif` fills what the first one missed or
//! gave up on. Both only deliver raw fields ([`fields::Fields`]); what a field means is decided here, once.

mod camera;
mod date;
mod fields;
mod place;
mod xmp;

use self::fields::{Fields, Part};
use self::xmp::Packet;
use crate::{Metadata, Warning};

/// Tag numbers that are used from more than one place (Exif 3.0, §4.6).
pub(crate) mod tag {
    /// Orientation, in the main part.
    pub(crate) const ORIENTATION: u16 = 0x0112;
}

/// Reads what an EXIF block and an XMP packet say; EXIF wins where both do.
///
/// The picture's size and profile are left at their defaults. The orientation is as written, 0 where absent.
pub(crate) fn read(exif: Option<&[u8]>, xmp: Option<&[u8]>, warnings: &mut Vec<Warning>) -> Metadata {
    let fields = exif.map(|exif| Fields::read(exif, warnings)).unwrap_or_default();
    let packet = xmp.map(Packet::new).unwrap_or_default();
    let orientation = fields.integer(Part::Main, tag::ORIENTATION).or_else(|| packet.orientation());
    let mut metadata = Metadata {
        orientation: orientation.and_then(|value| u8::try_from(value).ok()).unwrap_or(0),
        taken: date::taken(&fields).or_else(|| packet.taken()),
        position: place::position(&fields),
        ..Metadata::default()
    };
    camera::read(&fields, &mut metadata);
    metadata.rating = metadata.rating.or_else(|| packet.rating());
    metadata.description = metadata.description.or_else(|| packet.description());
    metadata
}
