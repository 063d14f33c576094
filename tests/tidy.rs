//! The rules of the house that no compiler checks: which package may use which, one door per heavy dependency, how
//! files begin and how long they grow, which documents exist.
//!
//! Goal: a reader can trust the map in `docs/ARCHITECTURE.md`. Method: read `cargo metadata` and the files themselves,
//! collect everything that is amiss, and say it in one message. A new arrow or door is a decision: it gets a record in
//! `docs/decisions/` and a line in the tables below.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Lines of a file at which a conversation about splitting it ends.
const LINES_MAX: usize = 600;

/// Package → packages of ours that it may use. Floors: libraries that know nothing of ours; libraries on top of
/// those, which never use each other; the program, which joins all of them.
const ARROWS: &[(&str, &[&str])] = &[
    ("heirloom-identity", &[]),
    ("heirloom-media", &[]),
    ("heirloom-store", &[]),
    ("heirloom-net", &["heirloom-identity"]),
    ("heirloom-spaces", &["heirloom-identity", "heirloom-store"]),
    ("heirloom-catalog", &["heirloom-identity", "heirloom-store"]),
    ("heirloom-vault", &["heirloom-identity", "heirloom-store"]),
    ("heirloom-testkit", &["heirloom-identity", "heirloom-media", "heirloom-store"]),
    ("heirloom-xtask", &[]),
    (
        "heirloom",
        &[
            "heirloom-catalog",
            "heirloom-identity",
            "heirloom-media",
            "heirloom-net",
            "heirloom-spaces",
            "heirloom-store",
            "heirloom-vault",
        ],
    ),
    (
        "heirloom-tests",
        &[
            "heirloom-catalog",
            "heirloom-identity",
            "heirloom-media",
            "heirloom-net",
            "heirloom-spaces",
            "heirloom-store",
            "heirloom-testkit",
            "heirloom-vault",
        ],
    ),
];

/// Dependency → the packages that may name it, for tests too; everybody else goes through them.
const DOORS: &[(&str, &[&str])] = &[
    ("rusqlite", &["heirloom-store"]),
    ("automerge", &["heirloom-spaces"]),
    ("ed25519-dalek", &["heirloom-identity"]),
    ("bip39", &["heirloom-identity"]),
    ("chacha20poly1305", &["heirloom-identity"]),
    ("hpke", &["heirloom-identity"]),
    ("x25519-dalek", &["heirloom-identity"]),
    ("bao-tree", &["heirloom-net", "heirloom-vault"]),
    ("blahaj", &["heirloom-identity"]),
    ("object_store", &["heirloom-vault"]),
    ("iroh", &["heirloom-net"]),
    ("iroh-mdns-address-lookup", &["heirloom-net"]),
    ("iroh-relay", &["heirloom-net"]),
    ("fast_image_resize", &["heirloom-media"]),
    ("heic", &["heirloom-media"]),
    ("image", &["heirloom-media"]),
    ("kamadak-exif", &["heirloom-media"]),
    ("moxcms", &["heirloom-media"]),
    ("nom-exif", &["heirloom-media"]),
    ("thumbhash", &["heirloom-media"]),
    ("turbojpeg", &["heirloom-media"]),
    ("webp", &["heirloom-media"]),
    ("axum", &["heirloom"]),
    ("clap", &["heirloom"]),
    ("tokio", &["heirloom", "heirloom-net", "heirloom-testkit", "heirloom-tests", "heirloom-vault"]),
    ("tower", &["heirloom"]),
    ("tower-http", &["heirloom"]),
    ("utoipa", &["heirloom"]),
];

/// Libraries to which time and randomness come as arguments, and what they therefore never say.
const PURE: &[&str] = &["crates/identity/src", "crates/media/src", "crates/spaces/src", "crates/catalog/src"];
const IMPURE_WORDS: &[&str] = &["SystemTime::now", "Instant::now", "getrandom", "thread_rng", "tokio::"];

/// Every word of the project that has one meaning; the glossary explains each.
const GLOSSARY: &[&str] = &[
    "household",
    "node",
    "account",
    "content hash",
    "asset",
    "original",
    "derivative",
    "space",
    "ledger",
    "catalog",
    "local id",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository").to_owned()
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo knows the workspace")
}

/// Fails with everything that is amiss, one line each.
fn expect_tidy(rule: &str, amiss: &[String]) {
    assert!(amiss.is_empty(), "{rule}\n  {}\n", amiss.join("\n  "));
}

/// Files of the repository with one of these extensions, relative to its top, without what is built or installed.
fn files(extensions: &[&str]) -> Vec<(String, String)> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder can be listed").flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let is_built =
                    ["node_modules", "build", ".svelte-kit", ".git", "shared"].contains(&name.as_str());
                // Below a source folder `target` is a module's name.
                let is_target = name == "target" && folder.file_name().is_none_or(|parent| parent != "src");
                if !is_built && !is_target {
                    folders.push(path);
                }
            } else if extensions.iter().any(|extension| name.ends_with(&format!(".{extension}"))) {
                let text = fs::read(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                let relative = path.strip_prefix(&root).unwrap_or(&path).to_string_lossy().into_owned();
                found.push((relative, text.unwrap_or_default()));
            }
        }
    }
    found.sort();
    found
}

fn lookup<'a>(table: &[(&str, &'a [&'a str])], key: &str) -> Option<&'a [&'a str]> {
    table.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
}

fn is_ours(name: &str) -> bool {
    name == "heirloom" || name.starts_with("heirloom-")
}

#[test]
fn arrows_point_down() {
    let mut amiss = Vec::new();
    for package in &metadata().packages {
        let name = package.name.as_str();
        let Some(allowed) = lookup(ARROWS, name) else {
            amiss.push(format!("{name} has no line in ARROWS"));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| is_ours(&dependency.name)) {
            let in_tests = dependency.kind == DependencyKind::Development
                && dependency.name == "heirloom-testkit"
                && name != "heirloom-xtask";
            if !in_tests && !allowed.contains(&dependency.name.as_str()) {
                amiss.push(format!("{name} uses {}", dependency.name));
            }
        }
    }
    expect_tidy("A package uses one that it may not know:", &amiss);
}

#[test]
fn heavy_dependencies_have_one_door() {
    let mut amiss = Vec::new();
    for package in &metadata().packages {
        for dependency in &package.dependencies {
            if let Some(doors) = lookup(DOORS, &dependency.name)
                && !doors.contains(&package.name.as_str())
            {
                amiss.push(format!(
                    "{} names {}; its door is {}",
                    package.name,
                    dependency.name,
                    doors.join(", ")
                ));
            }
        }
    }
    expect_tidy("A dependency is used past its door:", &amiss);
}

#[test]
fn packages_are_named_after_their_folders() {
    let mut amiss = Vec::new();
    for package in &metadata().packages {
        let folder = package.manifest_path.parent().and_then(|folder| folder.file_name()).unwrap();
        let expected = if folder == "node" { "heirloom".to_owned() } else { format!("heirloom-{folder}") };
        if package.name.as_str() != expected {
            amiss.push(format!("{} lies in {folder}", package.name));
        }
        let manifest = fs::read_to_string(&package.manifest_path).unwrap();
        if !manifest.contains("[lints]\nworkspace = true") {
            amiss.push(format!("{} does not follow the lints of the workspace", package.name));
        }
    }
    expect_tidy("A package is not set up like the others:", &amiss);
}

#[test]
fn every_dependency_is_used() {
    let metadata = metadata();
    let used: BTreeSet<&str> = metadata
        .packages
        .iter()
        .flat_map(|package| package.dependencies.iter().map(|dependency| dependency.name.as_str()))
        .collect();
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut amiss: Vec<String> = workspace_dependencies(&manifest)
        .into_iter()
        .filter(|name| !used.contains(name))
        .map(|name| format!("no package uses {name} of the workspace"))
        .collect();
    let sources = files(&["rs"]);
    for package in &metadata.packages {
        amiss.extend(unused(package, &sources));
    }
    expect_tidy("Dependencies enter deliberately, and leave when nobody needs them:", &amiss);
}

fn workspace_dependencies(manifest: &str) -> Vec<&str> {
    let lines = manifest.lines().skip_while(|line| *line != "[workspace.dependencies]").skip(1);
    let section = lines.take_while(|line| !line.starts_with('['));
    section
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once(" =")?.0.trim()))
        .collect()
}

fn unused(package: &Package, sources: &[(String, String)]) -> Vec<String> {
    let manifest = package.manifest_path.as_std_path();
    let folder = manifest.parent().and_then(|folder| folder.strip_prefix(root()).ok());
    let folder = folder.expect("a package of the workspace lies in the repository").to_owned();
    let own: Vec<&String> = sources
        .iter()
        .filter(|(path, _)| Path::new(path).starts_with(&folder))
        .map(|(_, text)| text)
        .collect();
    let dependencies =
        package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Build);
    let is_unused = |name: &str| {
        // kamadak-exif's library is called `exif`.
        let word = if name == "kamadak-exif" { "exif".to_owned() } else { name.replace('-', "_") };
        !own.iter().any(|text| text.contains(&word))
    };
    dependencies
        .filter(|dependency| is_unused(&dependency.name))
        .map(|dependency| format!("{} never mentions {}", package.name, dependency.name))
        .collect()
}

#[test]
fn pure_libraries_ask_nobody_for_time_or_chance() {
    let mut amiss = Vec::new();
    for (path, text) in
        files(&["rs"]).iter().filter(|(path, _)| PURE.iter().any(|pure| path.starts_with(pure)))
    {
        for word in IMPURE_WORDS.iter().filter(|word| text.contains(**word)) {
            amiss.push(format!("{path} says {word}"));
        }
    }
    expect_tidy("Time and randomness arrive as arguments here:", &amiss);
}

#[test]
fn every_module_says_what_it_is() {
    let files = files(&["rs"]);
    let silent = files.iter().filter(|(_, text)| !text.starts_with("//! "));
    let amiss: Vec<String> = silent.map(|(path, _)| path.clone()).collect();
    expect_tidy("A module opens with `//!`: what it is, what it owns, what it leaves to others:", &amiss);
}

#[test]
fn files_stay_readable() {
    let files = files(&["rs", "ts", "svelte", "mjs", "css"]);
    let written = files.iter().filter(|(path, _)| !path.ends_with("schema.d.ts"));
    let long =
        written.map(|(path, text)| (path, text.lines().count())).filter(|(_, lines)| *lines > LINES_MAX);
    let amiss: Vec<String> = long.map(|(path, lines)| format!("{path} has {lines} lines")).collect();
    expect_tidy("A file past 600 lines holds more than one concept:", &amiss);
}

#[test]
fn nothing_knows_the_machine_it_was_written_on() {
    // Put together here so that this file does not accuse itself.
    let folders: Vec<String> =
        ["home", "root", "Users", "tmp", "work"].iter().map(|name| format!("/{name}/")).collect();
    let mut amiss = Vec::new();
    for (path, text) in
        files(&["rs", "ts", "svelte", "mjs", "css", "html", "toml", "md", "json", "sql", "run"])
    {
        for (number, line) in text.lines().enumerate() {
            if folders.iter().any(|folder| begins_a_path(line, folder)) {
                amiss.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    expect_tidy("Absolute paths of one machine mean nothing on another:", &amiss);
}

/// Whether the folder stands at the beginning of a path, not inside of one (`web/static/home/` is fine).
fn begins_a_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|char| !(char.is_alphanumeric() || "._-}/*:~$".contains(char)))
    })
}

#[test]
fn the_documents_are_there() {
    let mut amiss = Vec::new();
    for name in [
        "README.md",
        "LICENSE",
        "docs/ARCHITECTURE.md",
        "docs/CHANGELOG.md",
        "docs/glossary.md",
        "docs/contributing.md",
    ] {
        if !root().join(name).is_file() {
            amiss.push(format!("{name} is missing"));
        }
    }
    let glossary = fs::read_to_string(root().join("docs/glossary.md")).unwrap_or_default().to_lowercase();
    amiss.extend(
        GLOSSARY
            .iter()
            .filter(|word| !glossary.contains(**word))
            .map(|word| format!("the glossary lacks {word:?}")),
    );
    expect_tidy("A reader would look in vain for:", &amiss);
}

#[test]
fn formats_are_drawn_and_linked() {
    let sources = files(&["rs", "ts"]);
    let mut amiss = Vec::new();
    for (path, _) in files(&["md"]).iter().filter(|(path, _)| path.starts_with("docs/formats/")) {
        let name = Path::new(path).file_name().unwrap().to_string_lossy().into_owned();
        if name != "README.md" && !sources.iter().any(|(_, text)| text.contains(&name)) {
            amiss.push(format!("no module mentions {path}"));
        }
    }
    for entry in fs::read_dir(root().join("docs/formats/vectors")).unwrap().flatten() {
        let name = entry.path().file_stem().unwrap().to_string_lossy().into_owned();
        let read_in_rust = |(path, text): &(String, String)| path.ends_with(".rs") && text.contains(&name);
        if !sources.iter().any(read_in_rust) {
            amiss.push(format!("no Rust test reads docs/formats/vectors/{name}"));
        }
    }
    expect_tidy("A drawing that nobody points at goes stale:", &amiss);
}

#[test]
fn decisions_are_numbered_once() {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let mut amiss = Vec::new();
    for (path, text) in files(&["md"]).iter().filter(|(path, _)| path.starts_with("docs/decisions/")) {
        let number = Path::new(path).file_name().unwrap().to_string_lossy()[..4].to_owned();
        if let Some(other) = seen.insert(number, path.clone()) {
            amiss.push(format!("{path} has the number of {other}"));
        }
        for part in ["Context", "Choice", "Consequences", "Alternatives"] {
            if !text.contains(&format!("**{part}.**")) {
                amiss.push(format!("{path} has no part {part:?}"));
            }
        }
    }
    expect_tidy("A decision record is one page: context, choice, consequences, alternatives:", &amiss);
}
