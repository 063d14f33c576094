//! A household's photo node: keeps the photos as plain files, makes them a joy to browse, and answers the
//! page and the phones.
//!
//! This package joins the libraries below it. Read first: [`home`] (the one handle to a household's folder),
//! [`ingest`] (how a photo becomes safe), [`api`] (what the page and the phones ask), [`control`] (what the
//! command line asks). `main.rs` only parses arguments.
//!
//! Life of a photo: [`ingest`] places the file and records it in the [`ledger`]; [`index`] shows it in the
//! catalog; the [`workers`] make its thumbnail; [`home::events`] tells the open pages; [`api`] serves it.

pub mod api;
pub mod care;
pub mod cli;
pub mod clock;
pub mod control;
pub mod front;
pub mod home;
pub mod index;
pub mod ingest;
pub mod ledger;
pub mod password;
pub mod protocols;
pub mod random;
pub mod restore;
pub mod serve;
pub mod setup;
pub mod sharing;
pub mod status;
pub mod vault;
pub mod workers;
