//! Makes the vectors of the library's documents: records with the marks that they spell, and records whose keys or
//! values spell none.

use std::collections::BTreeMap;

use automerge::{
    ActorId, AutoCommit, ROOT, ScalarValue, transaction::CommitOptions, transaction::Transactable,
};
use data_encoding::HEXLOWER;
use heirloom_identity::{
    AccountId, AssetId, Certificate, Change, ChangeRecord, ContentHash, NodeKeys, Root, SpaceId, StreamId,
    change_record::RecordHash,
};
use heirloom_spaces::{
    Edit, Library, LibraryKeys, MIGRATIONS, MarkChange, Marks, Month, PlaceMark, TakenMark,
};
use heirloom_store::{Database, Durability, StoreError};
use serde_json::{Value, json};

/// The stream that all vectors are written in.
const STREAM: [u8; 16] = [0x11; 16];
/// The document that all vectors are about.
const DOCUMENT: &str = "marks/2026-07";
/// When all vectors were written.
const AT_MS: i64 = 1_784_000_000_000;

/// The vectors as JSON text.
pub(crate) fn library_documents() -> String {
    let keys = node();
    let vectors = json!({
        "format": "library-documents", "version": 1,
        "space": SpaceId::library(&authority().household()), "signer": keys.signer().id(), "stream": StreamId::from_bytes(STREAM),
        "document": DOCUMENT, "accept": accept(), "reject": reject(),
    });
    format!("{vectors:#}\n")
}

fn authority() -> heirloom_identity::AuthorityKey {
    Root::from_bytes([1; 32]).authority()
}

fn node() -> NodeKeys {
    NodeKeys::from_bytes(&std::array::from_fn(|index| u8::try_from(index).expect("there are 64")))
}

/// The keys that wrote the vectors.
pub(crate) fn keys() -> LibraryKeys {
    let node = node();
    let certificate = Certificate::issue(&authority(), 1, node.node(), node.signer().id(), AT_MS);
    LibraryKeys::new(certificate.expect("the fields are good"), node.signer().clone())
        .expect("the keys match")
}

fn asset(n: u8) -> AssetId {
    AssetId::derive(&AccountId::from_random([1; 16]), &ContentHash::from_bytes([n; 32]))
}

/// How marks stand in the vectors.
pub(crate) fn to_json(marks: &Marks) -> Value {
    json!({
        "favourite": marks.favourite, "caption": marks.caption, "rating": marks.rating, "archived": marks.archived,
        "taken": marks.taken.map(|taken| taken.to_string()), "place": marks.place.map(|place| place.to_string()),
    })
}

fn accept() -> Vec<Value> {
    let caption = |text: &str| MarkChange::Caption(Some(text.to_owned()));
    let taken = |local_ms, offset_minutes| MarkChange::Taken(Some(TakenMark { local_ms, offset_minutes }));
    let place = |latitude, longitude| MarkChange::Place(Some(PlaceMark { latitude, longitude }));
    let every_field = vec![vec![
        (1, MarkChange::Favourite(true)),
        (1, caption("Nonna am Meer 🌊")),
        (1, MarkChange::Rating(Some(5))),
        (1, MarkChange::Archived(true)),
        (1, taken(1_783_938_600_000, Some(120))),
        (1, place(44.4056, 8.9463)),
    ]];
    let bounds = vec![vec![
        (1, taken(i64::MIN, Some(-1080))),
        (2, taken(i64::MAX, Some(1080))),
        (3, taken(0, None)),
        (1, place(-90.0, -180.0)),
        (2, place(90.0, 180.0)),
        (3, place(0.000_000_1, -0.5)),
    ]];
    let cleared = vec![vec![(1, caption("")), (1, MarkChange::Rating(Some(0)))]];
    let taken_back = vec![
        vec![(1, MarkChange::Favourite(true)), (1, caption("Sea")), (2, MarkChange::Rating(Some(3)))],
        vec![
            (1, MarkChange::Favourite(false)),
            (1, MarkChange::Caption(None)),
            (2, MarkChange::Rating(Some(4))),
        ],
        vec![(2, MarkChange::Archived(true))],
    ];
    vec![
        accepted("every field of one asset, in one record", &every_field),
        accepted("smallest and largest values", &bounds),
        accepted("decided to be empty", &cleared),
        accepted("changed and taken back, in three records", &taken_back),
    ]
}

/// Edits a library, one call after the other, and shows its records and marks.
fn accepted(name: &str, calls: &[Vec<(u8, MarkChange)>]) -> Value {
    let folder = tempfile::tempdir().expect("a scratch folder can be made");
    let db = Database::open(&folder.path().join("spaces.sqlite"), Durability::Normal, MIGRATIONS)
        .expect("a new database opens");
    let library = Library::open(db.clone(), keys(), STREAM).expect("a new library opens");
    let added: Month = "2026-07".parse().expect("a month");
    for call in calls {
        let edits: Vec<Edit> =
            call.iter().map(|(n, change)| Edit { asset: asset(*n), added, change: change.clone() }).collect();
        library.edit(&edits, AT_MS).expect("the edits are good");
    }
    let mut marks = BTreeMap::new();
    library
        .for_each(|asset, found| drop(marks.insert(asset.to_string(), to_json(found))))
        .expect("the library can be read");
    json!({ "name": name, "records": records(&db), "marks": marks })
}

fn records(db: &Database) -> Vec<String> {
    db.read::<_, StoreError, _>(|conn| {
        let mut statement = conn.prepare("SELECT record FROM library_records ORDER BY number")?;
        let records = statement.query_map([], |row| Ok(HEXLOWER.encode(&row.get::<_, Vec<u8>>(0)?)))?;
        Ok(records.collect::<Result<_, _>>()?)
    })
    .expect("the records can be read")
}

fn reject() -> Vec<Value> {
    let one = asset(1);
    let key = |field: &str| format!("{one}/{field}");
    let text = |text: &str| ScalarValue::from(text);
    [
        ("favourite as a number", key("favourite"), ScalarValue::Int(1)),
        ("favourite as a text", key("favourite"), text("true")),
        ("archived as nothing", key("archived"), ScalarValue::Null),
        ("caption as a number", key("caption"), ScalarValue::Int(7)),
        ("caption as bytes", key("caption"), ScalarValue::Bytes(b"Sea".to_vec())),
        ("caption of 10,001 characters", key("caption"), text(&"a".repeat(10_001))),
        ("rating 6", key("rating"), ScalarValue::Int(6)),
        ("rating -1", key("rating"), ScalarValue::Int(-1)),
        ("rating as a text", key("rating"), text("5")),
        ("rating as a fraction", key("rating"), ScalarValue::F64(5.0)),
        ("taken without a semicolon", key("taken"), text("1783938600000")),
        ("taken with a date", key("taken"), text("2026-07-13;120")),
        ("taken with a zone past 18 hours", key("taken"), text("0;1081")),
        ("taken past 64 bits", key("taken"), text("9223372036854775808;")),
        ("place past the pole", key("place"), text("90.1;0")),
        ("place past the date line", key("place"), text("0;180.1")),
        ("place that is no number", key("place"), text("NaN;NaN")),
        ("place without a longitude", key("place"), text("44.4056")),
        ("a field of a newer program", key("stars"), ScalarValue::Int(5)),
        (
            "an asset in capitals",
            key("rating").to_uppercase().replace("RATING", "rating"),
            ScalarValue::Int(5),
        ),
        ("a key without an asset", "/rating".to_owned(), ScalarValue::Int(5)),
        ("a key without a field", one.to_string(), ScalarValue::Int(5)),
    ]
    .into_iter()
    .map(|(name, key, value)| json!({ "name": name, "key": key, "records": [record(&key, value)] }))
    .collect()
}

/// A well-signed record that puts this value at this key.
fn record(key: &str, value: ScalarValue) -> String {
    let mut document = AutoCommit::new().with_actor(ActorId::from(STREAM));
    document.put(ROOT, key, value).expect("anything can be put into a map");
    document.commit_with(CommitOptions::default().with_time(AT_MS / 1000));
    let change = document.get_last_local_change().expect("something was committed");
    let name = DOCUMENT.parse().expect("the name is good");
    let change = Change {
        space: SpaceId::library(&authority().household()),
        stream: StreamId::from_bytes(STREAM),
        seq: 1,
        prev: RecordHash::NONE,
        document: &name,
        payload: change.raw_bytes(),
    };
    let record = ChangeRecord::sign(node().signer(), change).expect("the change is good");
    HEXLOWER.encode(record.as_bytes())
}
