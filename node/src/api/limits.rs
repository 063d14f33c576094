//! Every bound of the HTTP API, in one place and by name.

use std::time::Duration;

/// Largest JSON body that is read, in bytes; room for a check of 10,000 files with long paths.
pub const JSON_BYTES_MAX: usize = 4 << 20;
/// Photos that one request may change or ask about.
pub const ASSETS_PER_REQUEST_MAX: usize = 10_000;

/// Photos that one request may put into an album or take out: what Immich's command line sends at most.
pub const ALBUM_ASSETS_PER_REQUEST_MAX: usize = 65_000;
/// Photos of an album in one answer.
pub const ENTRIES_PER_ANSWER_MAX: u64 = 500;
/// Lines of what happened in an album, unless more are asked for.
pub const ACTIVITY_DEFAULT: usize = 50;
/// Lines of what happened in an album in one answer.
pub const ACTIVITY_MAX: usize = 500;

/// Passwords that are checked at the same time; each takes 64 MiB and an eighth of a second of a core.
pub const PASSWORD_CHECKS_MAX: usize = 2;
/// Over which time failed sign-ins count, in milliseconds.
pub const LOGIN_WINDOW_MS: i64 = 15 * 60 * 1000;
/// Failed sign-ins for one email within the window.
pub const LOGIN_FAILURES_PER_EMAIL_MAX: usize = 10;
/// Failed sign-ins from one address within the window; a family behind one router shares it.
pub const LOGIN_FAILURES_PER_ADDRESS_MAX: usize = 30;
/// Emails, and addresses, whose failures are remembered at the same time.
pub const LOGIN_KEYS_MAX: usize = 4_096;
/// Longest email that is looked at, in bytes (RFC 5321).
pub const EMAIL_BYTES_MAX: usize = 320;
/// How much of a device's own description is kept, in characters.
pub const DEVICE_CHARS_MAX: usize = 200;

/// Largest body of a sign-in; read before anyone is known.
pub const SIGN_IN_BYTES_MAX: usize = 16 << 10;
/// How long any body may stand still before its connection is given up.
pub const BODY_IDLE: Duration = Duration::from_secs(75);

/// Bytes of a form after which its parser is given a moment to parse them.
pub const FORM_BREATH_BYTES: usize = 1 << 20;
/// Bytes of a form that may pass without a part or a piece of one: more is a header without an end.
pub const FORM_SILENT_BYTES_MAX: usize = 16 << 20;
/// Uploads that are received at the same time; more wait their turn.
pub const UPLOADS_MAX: usize = 8;
/// How long an upload may send nothing before it is given up.
pub const UPLOAD_IDLE: Duration = Duration::from_secs(60);
/// Pieces of an upload that may wait for the disk.
pub const UPLOAD_PIECES_QUEUED_MAX: usize = 32;
/// Parts of one form.
pub const FORM_PARTS_MAX: usize = 64;
/// Largest text part of a form, in bytes.
pub const FORM_TEXT_BYTES_MAX: usize = 64 << 10;
/// What a form may weigh beside its file, in bytes.
pub const FORM_EXTRA_BYTES_MAX: u64 = 1 << 20;
/// Bytes of a file after which its format must be known.
pub const SNIFF_BYTES: usize = 512;
/// What is still read of a refused upload, so that the client hears the answer and not a reset connection.
pub const LINGER_BYTES_MAX: usize = 8 << 20;
/// How long that may take.
pub const LINGER_TIME: Duration = Duration::from_secs(10);

/// Originals are read from the disk in pieces of this many bytes.
pub const FILE_PIECE_BYTES: usize = 256 << 10;

/// Event streams that one account may hold open.
pub const EVENT_STREAMS_PER_ACCOUNT_MAX: usize = 32;
/// Event streams that all accounts together may hold open.
pub const EVENT_STREAMS_MAX: usize = 256;
/// How often a stream without news says that it is alive.
pub const EVENT_PING: Duration = Duration::from_secs(15);
/// The numbers of jobs are told at most this often.
pub const JOBS_PAUSE: Duration = Duration::from_millis(500);
/// A page is told at most this often that something about copies changed: while many are made, that is so all the time, and
/// counting how safe a large home is takes a moment.
pub const VAULT_PAUSE: Duration = Duration::from_secs(2);

/// Problems that are listed.
pub const PROBLEMS_MAX: u32 = 1_000;
