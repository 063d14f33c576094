//! What the fuzz targets share: an allocator that counts, so that a target can say how much memory reading may take.
//!
//! Linking this package makes [`Counting`] the allocator of the whole program. Read first: [`bounded`].

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What reading may take whatever the input is: what a decoder sets aside for a list whose length it read, which serde
/// limits to 1 MiB for each list that is open.
pub const ROOM_BYTES: usize = 4 << 20;
/// What reading may take for each byte of input: an empty list is one byte on the wire and 24 in memory, and twice that
/// while the list around it grows.
pub const ROOM_PER_BYTE: usize = 128;

/// The system's allocator, and how much of it is in use.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static HIGHEST: AtomicUsize = AtomicUsize::new(0);

fn grew(bytes: usize) {
    let now = IN_USE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    HIGHEST.fetch_max(now, Ordering::Relaxed);
}

fn shrank(bytes: usize) {
    IN_USE.fetch_sub(bytes, Ordering::Relaxed);
}

// SAFETY: every call goes to the system's allocator as it came; counting touches no memory of the caller's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grew(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grew(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // The old and the new place may exist together for a moment.
        grew(size);
        let moved = unsafe { System.realloc(place, layout, size) };
        shrank(if moved.is_null() { size } else { layout.size() });
        moved
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        shrank(layout.size());
        unsafe { System.dealloc(place, layout) }
    }
}

/// Reads `input`; fails when that takes more than [`ROOM_BYTES`] and [`ROOM_PER_BYTE`] for each byte of it.
pub fn bounded<T>(input: &[u8], read: impl FnOnce(&[u8]) -> T) -> T {
    within(ROOM_BYTES + input.len() * ROOM_PER_BYTE, || read(input))
}

/// Does something; fails when that takes more memory than this at any moment.
pub fn within<T>(bytes_max: usize, work: impl FnOnce() -> T) -> T {
    let before = IN_USE.load(Ordering::Relaxed);
    HIGHEST.store(before, Ordering::Relaxed);
    let done = work();
    let taken = HIGHEST.load(Ordering::Relaxed).saturating_sub(before);
    assert!(taken <= bytes_max, "it took {taken} bytes of memory, {bytes_max} are allowed");
    done
}
