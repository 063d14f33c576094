//! The HTTP API, asked without a socket: a real home in a scratch folder behind the real router.

mod access;
mod events;
mod harness;
mod media;
mod openapi;
mod page;
mod shapes;
mod sign_in;
mod timeline;
mod uploads;
