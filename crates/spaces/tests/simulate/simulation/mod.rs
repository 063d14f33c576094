//! A seeded simulator: homes that share an album over a network that drops, delays, repeats and reorders, with partitions,
//! crashes that lose what wasn't synced, old disks put back, clocks that are years off, and removed homes that do their
//! worst. One seed is one history; it can be told again.
//!
//! Read first: [`run`], then `world` (what happens) and `promises` (what must hold afterwards). [`family`] plays the same
//! with the real albums and their databases.

mod chance;
pub(crate) mod family;
mod promises;
mod replica;
mod world;

use self::world::World;

/// What one history was like.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    /// Membership operations that somebody made.
    pub(crate) operations: usize,
    /// Those of removed homes among them.
    pub(crate) forged: usize,
    /// Letters of honest homes.
    pub(crate) letters: usize,
    /// Photos, in histories with real albums.
    pub(crate) photos: usize,
}

impl Tally {
    /// Adds another history's.
    pub(crate) fn add(&mut self, other: Self) {
        self.operations += other.operations;
        self.forged += other.forged;
        self.letters += other.letters;
        self.photos += other.photos;
    }
}

/// Runs the history of a seed and checks the promises after it.
///
/// # Errors
/// The broken promise.
pub(crate) fn run(seed: u64) -> Result<Tally, String> {
    let mut world = World::new(seed);
    world.begin()?;
    let steps = 40 + world.chance.below(160);
    for _ in 0..steps {
        world.step()?;
    }
    world.heal()?;
    promises::check(&world)?;
    world.last_words()?;
    world.heal()?;
    promises::check(&world)?;
    Ok(Tally {
        operations: world.homes.iter().map(|home| home.state.operations.count()).max().unwrap_or(0),
        forged: world.forged_operations.len() + world.forged.len(),
        letters: world.written.len(),
        photos: 0,
    })
}
