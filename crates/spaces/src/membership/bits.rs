//! A set of small numbers, one bit each: which operations come before which, quickly even for thousands.

const WORD: usize = 64;

/// Numbers from 0. Grows to the largest one that was inserted.
#[derive(Debug, Clone, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub(super) fn insert(&mut self, number: usize) {
        let word = number / WORD;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (number % WORD);
    }

    pub(super) fn remove(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / WORD) {
            *word &= !(1 << (number % WORD));
        }
    }

    pub(super) fn contains(&self, number: usize) -> bool {
        self.0.get(number / WORD).is_some_and(|word| word & (1 << (number % WORD)) != 0)
    }

    /// Inserts all of the other's numbers.
    pub(super) fn unite(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine |= theirs;
        }
    }

    /// Removes all of the other's numbers.
    pub(super) fn subtract(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine &= !theirs;
        }
    }

    /// The numbers that both have.
    pub(super) fn common(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(mine, theirs)| mine & theirs).collect())
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(mine, theirs)| mine & theirs != 0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The largest number, and forgets the empty space above it.
    pub(super) fn highest(&mut self) -> Option<usize> {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        let word = self.0.last()?;
        Some(self.0.len() * WORD - 1 - word.leading_zeros() as usize)
    }

    /// The numbers, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let mut word = *word;
            std::iter::from_fn(move || {
                let bit = word.trailing_zeros() as usize;
                word &= word.wrapping_sub(1);
                (bit < WORD).then_some(at * WORD + bit)
            })
        })
    }
}

impl FromIterator<usize> for Bits {
    fn from_iter<I: IntoIterator<Item = usize>>(numbers: I) -> Self {
        let mut bits = Self::default();
        numbers.into_iter().for_each(|number| bits.insert(number));
        bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_numbers() {
        let mut bits: Bits = [3, 64, 0, 200, 127].into_iter().collect();
        assert_eq!(bits.iter().collect::<Vec<_>>(), [0, 3, 64, 127, 200]);
        assert_eq!(bits.highest(), Some(200));
        bits.remove(200);
        bits.subtract(&[127, 9000].into_iter().collect());
        assert_eq!(bits.highest(), Some(64));
        assert!(bits.contains(3) && !bits.contains(4) && !bits.contains(9000));
        let other: Bits = [3, 5, 300].into_iter().collect();
        assert!(bits.meets(&other));
        assert_eq!(bits.common(&other).iter().collect::<Vec<_>>(), [3]);
        bits.unite(&other);
        assert_eq!(bits.iter().collect::<Vec<_>>(), [0, 3, 5, 64, 300]);
        assert!(Bits::default().is_empty() && Bits::default().highest().is_none());
    }
}
