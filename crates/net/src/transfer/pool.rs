//! Buffers that are used again: QUIC keeps what it was given until the other side has it, then the buffer returns.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Spare buffers that are kept; more than that are given back to the system.
const SPARE_MAX: usize = 16;

/// A store of buffers of one length.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    len: usize,
    spare: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Pool {
    pub(crate) fn new(len: usize) -> Self {
        Self { len, spare: Arc::default() }
    }

    /// A buffer of the pool's length; what it holds is left over from its last use.
    pub(crate) fn take(&self) -> Vec<u8> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| vec![0; self.len])
    }

    pub(crate) fn give_back(&self, buffer: Vec<u8>) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE_MAX && buffer.len() == self.len {
            spare.push(buffer);
        }
    }

    /// The first `used` bytes of a buffer; it returns to the pool when the last of them is dropped.
    pub(crate) fn freeze(&self, buffer: Vec<u8>, used: usize) -> Bytes {
        Bytes::from_owner(Lent { buffer, used, pool: self.clone() })
    }
}

struct Lent {
    buffer: Vec<u8>,
    used: usize,
    pool: Pool,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.used]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.pool.give_back(std::mem::take(&mut self.buffer));
    }
}
