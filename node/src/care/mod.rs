//! Looking after a home: is everything there and whole ([`doctor`]), deriving again ([`rebuild`]), and
//! leaving with everything ([`export`]).

pub mod doctor;
pub mod export;
pub mod export_albums;
pub mod rebuild;
pub mod xmp;
