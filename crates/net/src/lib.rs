//! The iroh endpoint.
use {bao_tree as _, blake3 as _, bytes as _, iroh as _, iroh_mdns_address_lookup as _, n0_watcher as _, postcard as _, serde as _, thiserror as _, tokio as _, tokio_util as _, tracing as _, heirloom_identity as _};
