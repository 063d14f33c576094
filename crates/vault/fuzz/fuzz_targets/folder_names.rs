//! What stands in a folder of packs besides packs, on a disk that anybody may have written to: the marker, names of
//! fossils, the folder's own time. And the address of a store, as a person typed it. Never panics, and each is written as
//! it was read; an address without encryption is one at home, whoever reads it.

#![no_main]

use std::net::IpAddr;

use heirloom_vault::PackId;
use heirloom_vault::folder::{DiskId, Marker};
use heirloom_vault::fuzzing::{fossil_again, store_address, time_again};
use url::{Host, Url};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let now_ms = text.as_bytes().last_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes));
    if let Some(marker) = Marker::from_text(text) {
        assert_eq!(Marker::from_text(&marker.to_text()), Some(marker));
    }
    if let Ok(disk) = text.parse::<DiskId>() {
        assert_eq!(disk.to_string(), text);
    }
    if let Ok(pack) = text.parse::<PackId>() {
        assert_eq!(pack.to_string(), text);
    }
    if let Some(again) = fossil_again(text) {
        assert_eq!(fossil_again(&again).as_ref(), Some(&again));
    }
    if let Some(again) = time_again(text, now_ms) {
        assert_eq!(time_again(&again, now_ms).as_ref(), Some(&again));
    }
    if let Some((address, is_http)) = store_address(text)
        && let Ok(url) = Url::parse(&address)
    {
        assert_eq!(url.scheme(), if is_http { "http" } else { "https" });
        assert!(!is_http || is_at_home(&url), "{address} is {url}");
    }
});

fn is_at_home(url: &Url) -> bool {
    let address = match url.host() {
        Some(Host::Domain(name)) => return name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        None => return false,
    };
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}
