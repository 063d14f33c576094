//! Homes for tests: everything that a household has, made from one number.

use crate::{
    certificate::Certificate,
    keys::{NodeKeys, Root, Signer},
    receive::ReceiveKey,
};

/// A household with its node.
pub(crate) struct Home {
    pub(crate) certificate: Certificate,
    pub(crate) node: NodeKeys,
    pub(crate) receive: ReceiveKey,
}

impl Home {
    pub(crate) fn new(seed: u8) -> Self {
        let authority = Root::from_bytes([seed; 32]).authority();
        let mut secrets = [seed; NodeKeys::BYTES];
        secrets[0] ^= 1;
        let node = NodeKeys::from_bytes(&secrets);
        let certificate =
            Certificate::issue(&authority, 1, node.node(), node.signer().id(), 1_784_000_000_000)
                .expect("generation 1 and two keys");
        Self { certificate, node, receive: ReceiveKey::from_bytes(&[seed ^ 0x55; 32]) }
    }

    pub(crate) fn signer(&self) -> &Signer {
        self.node.signer()
    }
}
