//! Writes the committed vectors, accepted and refused ones, into `corpus/`, a folder for each target.

use std::{fs, path::Path};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde_json::Value;

/// Each target, the file of vectors it starts from, and the field that holds the bytes.
const TARGETS: [(&str, &str, &str); 6] = [
    ("operation", "operation", "bytes"),
    ("envelope", "envelope", "bytes"),
    ("card", "card", "bytes"),
    ("invitation", "pairing", "link"),
    ("certificate", "certificate", "bytes"),
    ("change_record", "change-record", "bytes"),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (target, format, field) in TARGETS {
        let vectors = here.join(format!("../../../docs/formats/vectors/{format}.json"));
        let vectors: Value = serde_json::from_str(&fs::read_to_string(vectors)?)?;
        let corpus = here.join("corpus").join(target);
        fs::create_dir_all(&corpus)?;
        for list in ["accept", "reject"] {
            for (index, vector) in vectors[list].as_array().into_iter().flatten().enumerate() {
                let text = vector[field].as_str().unwrap_or_default().as_bytes();
                let bytes = if field == "link" { text.to_vec() } else { HEXLOWER.decode(text)? };
                // Of a link also what is inside, but for the hash at its end, which the target puts there.
                let inside = vector[field].as_str().and_then(|text| text.split_once('#'));
                let inside = inside.and_then(|(_, text)| BASE64URL_NOPAD.decode(text.as_bytes()).ok());
                if let Some((body, _)) = inside.as_deref().and_then(|inside| inside.split_last_chunk::<4>()) {
                    fs::write(corpus.join(format!("{list}-{index:03}-inside")), body)?;
                }
                fs::write(corpus.join(format!("{list}-{index:03}")), bytes)?;
            }
        }
    }
    Ok(())
}
