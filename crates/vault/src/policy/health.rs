//! How safe the photos are, in one sentence.
