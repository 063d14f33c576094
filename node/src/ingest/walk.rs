//! Walking the folders to import, one folder at a time, in a stable order, without following links in
//! circles.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

/// Folders nested deeper than this are not entered.
const DEPTH_MAX: usize = 64;

/// One step of the walk.
#[derive(Debug)]
pub enum Found {
    /// A folder's files, sorted by name.
    Folder {
        /// The folder, absolute.
        folder: PathBuf,
        /// Its files: name, and what the system says of each.
        files: Vec<(OsString, Metadata)>,
    },
    /// Something that could not be looked at; the walk goes on.
    Unreadable {
        /// What.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Visits `path` (a file or a folder) and everything below; stops early when `visit` says `false`.
///
/// Symbolic links to files and folders are followed, each folder once.
pub fn walk(path: &Path, visit: &mut dyn FnMut(Found) -> bool) -> bool {
    match std::fs::metadata(path) {
        Err(error) => visit(Found::Unreadable { path: path.to_owned(), error }),
        Ok(meta) if meta.is_dir() => Walk { seen: HashSet::new(), visit }.folder(path, 0),
        Ok(meta) => {
            let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
            let name = path.file_name().unwrap_or_default().to_owned();
            visit(Found::Folder { folder, files: vec![(name, meta)] })
        }
    }
}

struct Walk<'a> {
    /// Folders entered, by their real path: a link back up is not entered twice.
    seen: HashSet<PathBuf>,
    visit: &'a mut dyn FnMut(Found) -> bool,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, depth: usize) -> bool {
        let unreadable = |error| Found::Unreadable { path: folder.to_owned(), error };
        match folder.canonicalize() {
            Ok(_) if depth > DEPTH_MAX => {
                let error = io::Error::other(format!("folders are nested more than {DEPTH_MAX} deep"));
                return (self.visit)(unreadable(error));
            }
            Ok(real) => {
                if !self.seen.insert(real) {
                    return true;
                }
            }
            Err(error) => return (self.visit)(unreadable(error)),
        }
        let mut names = match list(folder) {
            Ok(names) => names,
            Err(error) => return (self.visit)(unreadable(error)),
        };
        names.sort_unstable();
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        for name in names {
            let path = folder.join(&name);
            match std::fs::metadata(&path) {
                Ok(meta) if meta.is_dir() => folders.push(path),
                Ok(meta) if meta.is_file() => files.push((name, meta)),
                // Sockets, pipes and devices are nobody's photos.
                Ok(_) => {}
                Err(error) => {
                    if !(self.visit)(Found::Unreadable { path, error }) {
                        return false;
                    }
                }
            }
        }
        (self.visit)(Found::Folder { folder: folder.to_owned(), files })
            && folders.iter().all(|folder| self.folder(folder, depth + 1))
    }
}

fn list(folder: &Path) -> io::Result<Vec<OsString>> {
    std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name())).collect()
}
