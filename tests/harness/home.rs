//! A home of the program's own making, and the words a person would use on it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::program::{self, Output};
use super::served::Served;

/// Who signs in at every test home.
pub(crate) const EMAIL: &str = "anna@example.org";
/// With which password.
const PASSWORD: &str = "correct horse battery";

/// A home in a folder of its own, with room beside it.
pub(crate) struct TestHome {
    folder: TempDir,
    root: PathBuf,
    /// What `init --json` answered.
    pub(crate) founded: Value,
}

/// What an import reported.
pub(crate) struct Imported {
    /// A line per file.
    pub(crate) files: Vec<Value>,
    /// The last line.
    pub(crate) summary: Value,
}

impl Imported {
    /// Photos added, there already, skipped and failed.
    pub(crate) fn counts(&self) -> [u64; 4] {
        ["added", "duplicate", "skipped", "failed"].map(|key| self.summary[key].as_u64().unwrap())
    }

    /// The line about the file with this name.
    #[track_caller]
    pub(crate) fn file(&self, name: &str) -> &Value {
        let about = |line: &&Value| line["path"].as_str().is_some_and(|path| path.ends_with(name));
        self.files.iter().find(about).unwrap_or_else(|| panic!("no line about {name} in {:?}", self.files))
    }
}

impl TestHome {
    /// Makes a home.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("home");
        Self::at(folder, root)
    }

    /// Makes a home of another family.
    pub(crate) fn of(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("home");
        Self::named(folder, root, name)
    }

    /// Makes a home at a chosen place, on a disk of its own for example.
    pub(crate) fn at(folder: TempDir, root: PathBuf) -> Self {
        Self::named(folder, root, "The Smiths")
    }

    fn named(folder: TempDir, root: PathBuf, name: &str) -> Self {
        let password = super::write(&folder.path().join("password"), PASSWORD.as_bytes());
        let arguments: [&OsStr; 10] = [
            "init".as_ref(),
            "--json".as_ref(),
            "--home".as_ref(),
            root.as_ref(),
            "--name".as_ref(),
            name.as_ref(),
            "--account".as_ref(),
            EMAIL.as_ref(),
            "--password-file".as_ref(),
            password.as_ref(),
        ];
        let output = program::run(arguments);
        assert!(output.ok, "{}", output.stderr);
        let founded = output.line().clone();
        // Tests stay on this machine: no multicast, and a network endpoint on loopback only.
        fs::write(root.join("config.toml"), "mdns = false\np2p_listen = \"127.0.0.1:0\"\n").unwrap();
        Self { folder, root, founded }
    }

    /// The same household in a new, still empty folder, as if on a new computer.
    pub(crate) fn elsewhere(founded: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("home");
        Self { folder, root, founded: founded.clone() }
    }

    /// The words of the recovery phrase, as somebody typed them into a file.
    pub(crate) fn phrase_file(&self) -> PathBuf {
        let words = match &self.founded["phrase"] {
            Value::Array(words) => {
                words.iter().map(|word| word.as_str().unwrap()).collect::<Vec<_>>().join(" ")
            }
            other => other.as_str().unwrap().to_owned(),
        };
        super::write(&self.beside("phrase.txt"), words.as_bytes())
    }

    /// The home's folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A place beside the home.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The arguments of a command on this home.
    pub(crate) fn arguments(&self, verb: &[&str], rest: &[&OsStr]) -> Vec<OsString> {
        let home: [&OsStr; 3] = ["--json".as_ref(), "--home".as_ref(), self.root.as_ref()];
        verb.iter().map(OsStr::new).chain(home).chain(rest.iter().copied()).map(OsStr::to_owned).collect()
    }

    /// Runs a command on this home.
    pub(crate) fn run(&self, verb: &[&str], rest: &[&OsStr]) -> Output {
        program::run(self.arguments(verb, rest))
    }

    /// Runs a command that has to succeed.
    #[track_caller]
    pub(crate) fn must(&self, verb: &[&str], rest: &[&OsStr]) -> Vec<Value> {
        let output = self.run(verb, rest);
        assert!(output.ok, "{verb:?}: {} {:?}", output.stderr, output.lines.last());
        output.lines
    }

    /// Imports a folder or a file; the import as a whole has to succeed.
    #[track_caller]
    pub(crate) fn import(&self, path: &Path) -> Imported {
        let mut files = self.must(&["import"], &[path.as_os_str()]);
        let summary = files.pop().unwrap();
        assert_eq!(summary["done"], true);
        Imported { files, summary }
    }

    /// `status --json`.
    #[track_caller]
    pub(crate) fn status(&self) -> Value {
        self.must(&["status"], &[]).remove(0)
    }

    /// What `doctor --verify` finds, without what it says of the free space of this machine.
    #[track_caller]
    pub(crate) fn problems(&self) -> Vec<Value> {
        let output = self.run(&["doctor"], &["--verify".as_ref()]);
        let findings = output.lines.iter().find(|line| line.get("problems").is_some());
        let findings = findings.unwrap_or_else(|| panic!("no findings: {}", output.stderr));
        let all = findings["problems"].as_array().unwrap();
        assert_eq!(output.ok, all.is_empty(), "the exit status says whether all is well");
        all.iter().filter(|problem| problem["kind"] != "disk").cloned().collect()
    }

    /// An access key for the first account.
    pub(crate) fn key(&self) -> String {
        let line = self.must(&["account", "api-key"], &[EMAIL.as_ref()]).remove(0);
        line["api_key"].as_str().unwrap().to_owned()
    }

    /// Serves the home.
    pub(crate) fn serve(&self) -> Served {
        Served::start(self.arguments_to_serve())
    }

    /// The arguments that serve this home at a free port.
    pub(crate) fn arguments_to_serve(&self) -> Vec<OsString> {
        let words = ["serve", "--listen", "127.0.0.1:0", "--home"].map(OsString::from);
        words.into_iter().chain([self.root.clone().into()]).collect()
    }

    /// Every file of the library but the one that says that it is there.
    pub(crate) fn library_files(&self) -> Vec<PathBuf> {
        let library = self.root.join("library");
        let mut files = files_below(&library);
        files.retain(|file| *file != library.join("HEIRLOOM-LIBRARY"));
        files
    }

    /// The originals, by path below the account's folder.
    pub(crate) fn originals(&self) -> Vec<(String, Vec<u8>)> {
        let library = self.root.join("library/anna");
        let read = |path: PathBuf| {
            let name = path.strip_prefix(&library).unwrap().to_str().unwrap().to_owned();
            (name, fs::read(&path).unwrap())
        };
        files_below(&library).into_iter().map(read).collect()
    }
}

/// Every file below a folder, sorted; none when there is no folder.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}
