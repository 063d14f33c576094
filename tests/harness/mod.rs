//! What the whole-program tests stand on: the built program, homes of its own making, a served node with a
//! small HTTP client, and files of every kind.
//!
//! The tests see what a person or a script sees: command lines, their JSON, HTTP answers, files. Nothing here
//! looks inside the program. Read first: [`TestHome`], then [`Served`].
//!
//! Every wait is for an event (a line of output, an answer, the end of a process); a process that hangs is
//! ended by the test runner.

mod chance;
mod files;
mod home;
mod http;
mod mount;
mod news;
mod program;
mod served;
mod timeline;

pub(crate) use chance::Chance;
pub(crate) use files::{bomb_png, huge_jpeg, padded_photo, write};
pub(crate) use home::{EMAIL, Imported, TestHome, files_below};
pub(crate) use http::Client;
pub(crate) use mount::SmallDisk;
pub(crate) use news::News;
pub(crate) use program::{run, soon, spawn};
pub(crate) use served::Served;
pub(crate) use timeline::without_revisions;
