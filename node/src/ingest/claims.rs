//! What is being placed right now, so that two arrivals of the same bytes, or of the same name, at the same
//! moment do not meet on the disk.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, PoisonError};

use heirloom_identity::ContentHash;

/// Contents and names in the hands of some thread.
#[derive(Debug, Default)]
pub struct Claims {
    held: Mutex<Held>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct Held {
    contents: HashSet<ContentHash>,
    paths: HashSet<String>,
}

/// A content in this thread's hands until dropped.
#[derive(Debug)]
pub struct ContentClaim<'a> {
    claims: &'a Claims,
    content: ContentHash,
}

/// A name in this thread's hands until dropped.
#[derive(Debug)]
pub struct PathClaim<'a> {
    claims: &'a Claims,
    folded: String,
}

impl Claims {
    /// Waits until nobody else is placing this content. Whoever holds a claim finishes on its own: the wait
    /// is as long as one placement.
    pub fn content(&self, content: ContentHash) -> ContentClaim<'_> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        while !held.contents.insert(content) {
            held = self.freed.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
        ContentClaim { claims: self, content }
    }

    /// Takes a name, compared without case, if nobody else has it in hand.
    pub fn path(&self, path: &str) -> Option<PathClaim<'_>> {
        let folded = path.to_lowercase();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // Lazily: a claim that is made is a name that is freed when it is dropped.
        held.paths.insert(folded.clone()).then(|| PathClaim { claims: self, folded })
    }
}

impl Drop for ContentClaim<'_> {
    fn drop(&mut self) {
        let mut held = self.claims.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.contents.remove(&self.content);
        self.claims.freed.notify_all();
    }
}

impl Drop for PathClaim<'_> {
    fn drop(&mut self) {
        self.claims.held.lock().unwrap_or_else(PoisonError::into_inner).paths.remove(&self.folded);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_threads_until_it_is_dropped() {
        let claims = Claims::default();
        let held = claims.path("anna/IMG_1.JPG");
        assert!(held.is_some());
        assert!(claims.path("anna/img_1.jpg").is_none(), "case makes no other name");
        assert!(claims.path("anna/img_1.jpg").is_none(), "a refused claim frees nothing");
        drop(held);
        assert!(claims.path("anna/img_1.jpg").is_some());
    }
}
