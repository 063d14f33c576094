//! Every limit of the network in one place: sizes, counts and times.
//!
//! A peer is believed nothing: each number here is enforced before memory is taken or work is done. The drawing of the
//! bytes is `docs/formats/streams.md`.

use std::time::Duration;

/// Bytes of one frame on a stream, its length not counted.
pub const FRAME_BYTES_MAX: usize = (1 << 20) + (64 << 10);
/// Bytes of an encoded [`NodeAddress`](crate::NodeAddress).
pub const ADDRESS_BYTES_MAX: usize = 2048;
/// Addresses of one node.
pub const ADDRESSES_MAX: usize = 16;
/// Bytes of a relay's URL.
pub const RELAY_URL_BYTES_MAX: usize = 255;
/// Relays in the configuration.
pub const RELAYS_MAX: usize = 8;
/// Bytes of the text that a close or a refusal carries.
pub const REASON_BYTES_MAX: usize = 200;
/// Nodes whose addresses are known.
pub const BOOK_NODES_MAX: usize = 1024;

/// Streams that the other side may have open at once on a `Home` connection.
pub const STREAMS_MAX: u32 = 64;
/// Streams that anybody may have open at once before admission, the greeting among them, on a `Pair` connection, and on a
/// `Recover` connection that is not trusted.
pub const STRANGER_STREAMS_MAX: u32 = 3;
/// Streams whose header is being waited for at once, per connection.
pub const HEADERS_MAX: usize = 16;
/// Accepted streams that wait for the program, per connection.
pub const STREAMS_WAITING_MAX: usize = 8;
/// Bytes in flight to us on one stream. Windows of 4 MiB and more break connections (noq 1.4: "too many gaps").
pub const STREAM_WINDOW_BYTES: u32 = 1_310_720;
/// Bytes in flight to us on one `Home` connection, and on a `Recover` connection that is trusted.
pub const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
/// Bytes in flight to us on any connection before admission, on a `Pair` connection, and on a `Recover` connection that is
/// not trusted.
pub const STRANGER_WINDOW_BYTES: u32 = 64 << 10;
/// Bytes that wait for the other side on one connection.
pub const SEND_WINDOW_BYTES: u64 = 8 << 20;

/// `Home` connections in all.
pub const CONNECTIONS_MAX: usize = 256;
/// Connections in all that are still being greeted.
pub const HANDSHAKES_MAX: usize = 64;
/// Handshakes from which on a caller must first prove that its address is its own.
pub const HANDSHAKES_UNPROVEN_MAX: usize = 16;
/// Connections of one node that wait for admission at once.
pub const ARRIVALS_PER_NODE_MAX: usize = 4;
/// Admitted connections that wait for the program.
pub const ACCEPTED_WAITING_MAX: usize = 16;
/// `Pair` connections from others in all.
pub const PAIR_CONNECTIONS_MAX: usize = 16;
/// `Pair` connections of one node.
pub const PAIR_CONNECTIONS_PER_NODE_MAX: usize = 2;
/// `Pair` connections from one address within [`PAIR_PERIOD`].
pub const PAIR_PER_ADDRESS_MAX: u32 = 10;
/// Time over which attempts to pair, or to recover, are counted.
pub const PAIR_PERIOD: Duration = Duration::from_secs(60);
/// Addresses whose attempts are counted; with more of them at once, nobody new may try.
pub const PAIR_ADDRESSES_MAX: usize = 1024;
/// `Recover` connections from others in all.
pub const RECOVER_CONNECTIONS_MAX: usize = 8;
/// `Recover` connections of one node.
pub const RECOVER_CONNECTIONS_PER_NODE_MAX: usize = 2;
/// `Recover` connections from one address within [`PAIR_PERIOD`].
pub const RECOVER_PER_ADDRESS_MAX: u32 = 10;
/// Events that a slow listener may be behind before it loses some.
pub const EVENTS_WAITING_MAX: usize = 256;

/// Time to reach, greet and be admitted by another node.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Time for a caller to finish its handshake and its greeting.
pub const GREETING_TIMEOUT: Duration = Duration::from_secs(15);
/// Time that a caller waits while our own dial to it, which goes first, is settled.
pub const SETTLE_TIMEOUT: Duration = Duration::from_secs(3);
/// Silence after which a connection is dead, counted from our last sign of life that was not answered: a dead peer is
/// noticed after 25 to 30 s. A path may be lost for 15 s before another is chosen, so no less than 20 s.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(25);
/// Time between signs of life.
pub const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Time to wait for room for one more stream.
pub const OPEN_TIMEOUT: Duration = Duration::from_secs(20);
/// Time for the header of a new stream.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Time in which a begun frame must move on by [`STALL_BYTES`] (or to its end), either way.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// What counts as moving on.
pub const STALL_BYTES: usize = 16 << 10;
/// Time for the other side to have taken everything of a finished stream.
pub const FINISH_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for the endpoint to say goodbye.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Time without any relay until a person is told.
pub const RELAY_PATIENCE: Duration = Duration::from_secs(30);
/// Time without any relay until the relays are put in anew; doubled every time.
pub const RELAY_WEDGED: Duration = Duration::from_secs(120);
/// The longest time between two such attempts.
pub const RELAY_WEDGED_MAX: Duration = Duration::from_secs(1800);
