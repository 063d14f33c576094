//! Makes a library in a scratch folder, edits marks, opens it again, and verifies every record:
//! `cargo run -p heirloom-spaces --example marks`.

#![expect(clippy::print_stdout, reason = "an example talks to the person who runs it")]

use heirloom_identity::{AccountId, AssetId, Certificate, ContentHash, NodeKeys, Root};
use heirloom_spaces::{Edit, Library, LibraryKeys, MIGRATIONS, MarkChange, Month};
use heirloom_store::{Database, Durability};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("spaces.sqlite");
    let open = || Database::open(&path, Durability::Full, MIGRATIONS);

    // A real node takes all of these bytes from the system's randomness.
    let node = NodeKeys::from_bytes(&std::array::from_fn(|n| if n < 32 { 1 } else { 2 }));
    let authority = Root::from_bytes([42; 32]).authority();
    let certificate = Certificate::issue(&authority, 1, node.node(), node.signer().id(), 1_784_000_000_000)?;
    let keys = LibraryKeys::new(certificate, node.signer().clone())?;
    let library = Library::open(open()?, keys.clone(), [3; 16])?;

    let asset = AssetId::derive(&AccountId::from_random([4; 16]), &ContentHash::of(b"a photo's bytes"));
    let added: Month = "2026-07".parse()?;
    let edit = |change| Edit { asset, added, change };
    let edits =
        [edit(MarkChange::Favourite(true)), edit(MarkChange::Caption(Some("Nonna am Meer".to_owned())))];
    for (asset, marks) in library.edit(&edits, 1_784_000_001_000)? {
        println!("{asset}: {marks:?}");
    }

    drop(library);
    let library = Library::open(open()?, keys, [5; 16])?;
    println!("after opening again: {:?}", library.marks(&asset, added)?);
    let verification = library.verify()?;
    println!("{} record verified, {} damaged", verification.records, verification.damage.len());
    Ok(())
}
