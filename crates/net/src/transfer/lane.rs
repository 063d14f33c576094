//! One provider of a fetch: opens streams, asks for pieces ahead of time, hands what comes to a decoder.
//!
//! Four things go on at once for a stream. The *reader* gathers what the network gives into large buffers; the *decoder*,
//! on a blocking thread, proves and writes them; the *writer* sends requests; the *director* asks for more pieces while
//! fewer than [`WINDOW_SECS`] worth of bytes are on their way, and watches the clock. What the stream has not given when
//! it ends goes back to the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::decode::{Decoder, Event, Outcome, Piece};
use super::fetch::Shared;
use super::report::{Fault, ProviderReport};
use super::streams::{Cut, Incoming, Outgoing, Provider};
use super::wire::{ITEMS_PER_STREAM_MAX, VERSION};

/// Bytes are asked for this far ahead, by the rate at which they came lately.
const WINDOW_SECS: f64 = 2.0;

/// Bounds of what is on its way: enough to get going, and not more than a moment of the fastest network.
const WINDOW_BYTES: std::ops::RangeInclusive<u64> = (4 << 20)..=(64 << 20);

/// Pieces on their way at most.
const PIECES_FLYING_MAX: usize = 256;

/// Buffers that wait for the decoder.
const BUFFERS_QUEUED_MAX: usize = 8;

/// The decoder gets a buffer when it holds this much …
const GATHER_BYTES: usize = 256 * 1024;

/// … or when the network has been silent for so long.
const GATHER_SILENCE: Duration = Duration::from_millis(2);

/// Length of a buffer.
pub(crate) const BUFFER_LEN: usize = 512 * 1024;

/// Fewer bytes than this in the stall time count as nothing.
const STALL_BYTES_MIN: u64 = 4096;

/// A node that serves a large file for the first time hashes all of it before it sends anything, no slower than this.
const HASHED_PER_SEC_MIN: u64 = 50_000_000;

/// How often the director looks at the clock.
const TICK: Duration = Duration::from_millis(200);

/// A lane without work keeps its stream for so long.
const IDLE_MAX: Duration = Duration::from_millis(200);

/// How long the writer may take to end a stream of which nothing is wanted any more.
const WRITER_END: Duration = Duration::from_millis(100);

/// Streams that may break before a provider is given up.
const BREAKS_MAX: u32 = 4;

/// Wait before the next stream after the first break; doubles with each.
const BREAK_WAIT: Duration = Duration::from_millis(100);

/// One provider's part of a fetch.
pub(crate) struct Lane<P> {
    pub(crate) number: usize,
    pub(crate) provider: P,
    pub(crate) shared: Arc<Shared>,
}

/// What the tasks of a stream tell each other.
#[derive(Default)]
struct Gauge {
    received: AtomicU64,
    /// The reader waits for the network, and for nothing of ours.
    waits: AtomicBool,
}

enum ToDecoder {
    Expect(Vec<Piece>),
    Bytes(Vec<u8>, usize),
}

enum FromDecoder {
    Event(Event),
    Fault(Fault),
}

impl<P: Provider> Lane<P> {
    /// Fetches until there is nothing left to do, or this provider is of no more use.
    pub(crate) async fn run(self) -> ProviderReport {
        let mut report =
            ProviderReport { node: self.provider.node(), received_bytes: 0, proved_bytes: 0, fault: None };
        let mut breaks = 0;
        while self.shared.wait_for_work(self.number).await {
            let Err(fault) = self.stream(&mut report).await else { continue };
            breaks += 1;
            if fault.is_lie() || fault == Fault::Stalled || breaks >= BREAKS_MAX {
                tracing::info!(node = %report.node, %fault, "a node is not asked any more for this fetch");
                report.fault = Some(fault);
                self.shared.lose(self.number);
                break;
            }
            tokio::time::sleep(BREAK_WAIT * 2_u32.pow(breaks - 1)).await;
        }
        report
    }

    /// One stream from its opening to its end; the pieces it did not give are back in the queue then.
    async fn stream(&self, report: &mut ProviderReport) -> Result<(), Fault> {
        let opened = timeout(self.shared.stall, self.provider.open()).await;
        let (out, mut incoming) =
            opened.map_err(|_| Fault::Stalled)?.map_err(|error| Fault::Broke(error.to_string()))?;
        let gauge = Arc::new(Gauge::default());
        let (to_decoder, from_director) = mpsc::channel(BUFFERS_QUEUED_MAX);
        // Not bounded by itself: one message a piece, and what a bounded number of buffers can say.
        let (to_director, mut events) = mpsc::unbounded_channel();
        let shared = Arc::clone(&self.shared);
        let decoder = tokio::task::spawn_blocking(move || decode(from_director, &to_director, &shared));
        let (requests, writer) = start_writer(out);
        let mut director = Director {
            lane: self.number,
            shared: &self.shared,
            to_decoder: to_decoder.clone(),
            requests,
            asked: 0,
            gauge: &gauge,
            report,
        };
        let outcome = {
            let reader = self.read(&mut incoming, to_decoder, &gauge);
            tokio::select! {
                biased;
                directed = director.run(&mut events) => directed,
                () = self.shared.cancel.cancelled() => Ok(()),
                read = reader => match director.drain(&mut events).await {
                    Ok(()) => read.and_then(|()| director.ended()),
                    fault => fault,
                },
            }
        };
        drop(director);
        if outcome.is_ok() {
            // Ends with the last request; a moment is enough when nobody reads it any more.
            drop(timeout(WRITER_END, writer).await);
        }
        incoming.cut(match &outcome {
            Err(Fault::Stalled) => Cut::Stalled,
            Err(fault) if fault.is_lie() => Cut::WrongBytes,
            _ => Cut::Enough,
        });
        // The decoder ends with its queue; then nothing is written for this stream any more.
        drop(decoder.await);
        while let Ok(said) = events.try_recv() {
            if let FromDecoder::Event(event) = said {
                self.shared.event(self.number, event, report);
            }
        }
        report.received_bytes += gauge.received.load(Ordering::Relaxed);
        self.shared.give_back(self.number);
        outcome
    }

    /// Reads until the stream ends or nobody wants more.
    async fn read(
        &self,
        incoming: &mut P::In,
        to_decoder: mpsc::Sender<ToDecoder>,
        gauge: &Gauge,
    ) -> Result<(), Fault> {
        let node = self.provider.node();
        loop {
            let mut buffer = self.shared.pool.take();
            gauge.waits.store(true, Ordering::Relaxed);
            let gathered = gather(incoming, &mut buffer).await;
            gauge.waits.store(false, Ordering::Relaxed);
            let (len, ended) = gathered.map_err(|error| Fault::Broke(error.to_string()))?;
            gauge.received.fetch_add(len as u64, Ordering::Relaxed);
            let mut left = len;
            while left > 0 {
                let part = left.min(self.shared.throttle.turn_bytes_max());
                drop(self.shared.throttle.turn(node, part).await);
                left -= part;
            }
            if len > 0 && to_decoder.send(ToDecoder::Bytes(buffer, len)).await.is_err() {
                return Ok(());
            }
            if ended {
                return Ok(());
            }
        }
    }
}

/// Fills a buffer as far as bytes come without a pause; how far, and whether the stream has ended.
async fn gather<I: Incoming>(incoming: &mut I, buffer: &mut [u8]) -> std::io::Result<(usize, bool)> {
    let mut len = incoming.read(buffer).await?;
    if len == 0 {
        return Ok((0, true));
    }
    while len < GATHER_BYTES {
        match timeout(GATHER_SILENCE, incoming.read(&mut buffer[len..])).await {
            Err(_) => break,
            Ok(Ok(0)) => return Ok((len, true)),
            Ok(Ok(count)) => len += count,
            // What came before the break is still good.
            Ok(Err(_)) => break,
        }
    }
    Ok((len, false))
}

fn start_writer<O: Outgoing>(mut out: O) -> (mpsc::UnboundedSender<Bytes>, AbortOnDropHandle<()>) {
    // Not bounded by itself: requests of at most `PIECES_FLYING_MAX` pieces.
    let (requests, mut queue) = mpsc::unbounded_channel::<Bytes>();
    let writer = tokio::spawn(async move {
        while let Some(bytes) = queue.recv().await {
            if out.write(bytes).await.is_err() {
                // The reader learns why.
                return;
            }
        }
        out.finish();
    });
    (requests, AbortOnDropHandle::new(writer))
}

/// Proves and writes on a blocking thread; ends with its queue or at the first fault.
fn decode(mut queue: mpsc::Receiver<ToDecoder>, said: &mpsc::UnboundedSender<FromDecoder>, shared: &Shared) {
    let mut decoder = Decoder::default();
    let mut outcome = Outcome::default();
    while let Some(message) = queue.blocking_recv() {
        let taken = match message {
            ToDecoder::Expect(pieces) => {
                pieces.into_iter().for_each(|piece| decoder.expect(piece));
                Ok(())
            }
            ToDecoder::Bytes(buffer, len) => {
                let taken = decoder.push(&buffer[..len], &mut outcome);
                shared.pool.give_back(buffer);
                taken
            }
        };
        outcome.whole.drain(..).for_each(|part| shared.whole(part));
        for event in outcome.events.drain(..) {
            drop(said.send(FromDecoder::Event(event)));
        }
        if let Err(fault) = taken {
            drop(said.send(FromDecoder::Fault(fault)));
            return;
        }
    }
}

/// Decides what is asked for next.
struct Director<'a> {
    lane: usize,
    shared: &'a Shared,
    to_decoder: mpsc::Sender<ToDecoder>,
    requests: mpsc::UnboundedSender<Bytes>,
    asked: u32,
    gauge: &'a Gauge,
    report: &'a mut ProviderReport,
}

impl Director<'_> {
    /// Runs until there is nothing to ask for and everything has come, or the provider fails.
    async fn run(&mut self, events: &mut mpsc::UnboundedReceiver<FromDecoder>) -> Result<(), Fault> {
        let mut clock = Clock::new(self.shared.stall, self.shared.work().rate(self.lane));
        let mut idle_since = None;
        let mut tick = tokio::time::interval(TICK);
        loop {
            // Before looking for work, so that work added meanwhile wakes us.
            let changed = self.shared.changed();
            self.ask(clock.rate).await;
            let (flying, settled, largest) = {
                let work = self.shared.work();
                (work.flying(self.lane).0, work.is_settled(), work.largest_owed(self.lane))
            };
            if settled {
                // What is still on its way has come from somebody else.
                return Ok(());
            }
            if flying > 0 {
                idle_since = None;
            } else if self.asked >= ITEMS_PER_STREAM_MAX
                || idle_since.get_or_insert_with(Instant::now).elapsed() > IDLE_MAX
            {
                return Ok(());
            }
            tokio::select! {
                said = events.recv() => match said {
                    Some(FromDecoder::Event(event)) => self.shared.event(self.lane, event, self.report),
                    Some(FromDecoder::Fault(fault)) => return Err(fault),
                    None => return Err(Fault::Broke("the decoder ended".to_owned())),
                },
                () = changed => {}
                _ = tick.tick() => {
                    clock.tick(self.gauge, flying > 0, largest)?;
                    if flying > 0 {
                        self.shared.work().set_rate(self.lane, clock.rate);
                    }
                }
            }
        }
    }

    /// Tops up what is on its way.
    async fn ask(&mut self, rate: f64) {
        loop {
            let pieces = self.pick(rate);
            if pieces.is_empty() {
                return;
            }
            let mut bytes = Vec::new();
            if self.asked == 0 {
                bytes.push(VERSION);
            }
            self.asked += u32::try_from(pieces.len()).unwrap_or(u32::MAX);
            for piece in &pieces {
                piece.request().encode(&mut bytes);
            }
            // The decoder knows of pieces before the other side does. If it has ended, its fault is on the way.
            drop(self.to_decoder.send(ToDecoder::Expect(pieces)).await);
            drop(self.requests.send(bytes.into()));
        }
    }

    fn pick(&self, rate: f64) -> Vec<Piece> {
        let mut work = self.shared.work();
        let (count, bytes) = work.flying(self.lane);
        let window = window(rate);
        let left = usize::try_from(ITEMS_PER_STREAM_MAX - self.asked).unwrap_or(0);
        let count_max = left.min(PIECES_FLYING_MAX.saturating_sub(count));
        if bytes >= window || count_max == 0 {
            return Vec::new();
        }
        let taken = work.take(self.lane, window - bytes, count_max);
        if taken.is_empty() && count == 0 {
            return work.steal(self.lane).into_iter().collect();
        }
        taken
    }

    /// Hears what the decoder has to say after the last byte came.
    async fn drain(&mut self, events: &mut mpsc::UnboundedReceiver<FromDecoder>) -> Result<(), Fault> {
        // Ours is the last sender: without it the decoder ends when it has taken everything.
        let (closed, _) = mpsc::channel(1);
        self.to_decoder = closed;
        while let Some(said) = events.recv().await {
            match said {
                FromDecoder::Event(event) => self.shared.event(self.lane, event, self.report),
                FromDecoder::Fault(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    /// The other side has ended the stream: fine if it owes nothing.
    fn ended(&self) -> Result<(), Fault> {
        let (flying, _) = self.shared.work().flying(self.lane);
        if flying == 0 { Ok(()) } else { Err(Fault::Broke("the stream ended too early".to_owned())) }
    }
}

fn window(rate: f64) -> u64 {
    let bytes = (rate * WINDOW_SECS).clamp(0.0, 1e9);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped above")]
    let bytes = bytes as u64;
    bytes.clamp(*WINDOW_BYTES.start(), *WINDOW_BYTES.end())
}

/// Measures the rate and notices a stall.
struct Clock {
    stall: Duration,
    /// Bytes a second, smoothed; 0 at the beginning.
    rate: f64,
    last: (Instant, u64),
    /// Bytes received when the last stall time began, and how much of it has passed.
    quiet_from: u64,
    quiet: Duration,
}

impl Clock {
    fn new(stall: Duration, rate: f64) -> Self {
        Self { stall, rate, last: (Instant::now(), 0), quiet_from: 0, quiet: Duration::ZERO }
    }

    /// Looks at what has come since the last time; `largest` is the size of the largest file that is owed.
    fn tick(&mut self, gauge: &Gauge, owes: bool, largest: u64) -> Result<(), Fault> {
        let (now, received) = (Instant::now(), gauge.received.load(Ordering::Relaxed));
        let passed = now.duration_since(self.last.0);
        if passed.is_zero() {
            return Ok(());
        }
        let fresh = u32::try_from(received - self.last.1).unwrap_or(u32::MAX);
        let rate = f64::from(fresh) / passed.as_secs_f64();
        if owes {
            self.rate = if self.rate > 0.0 { (self.rate + rate) / 2.0 } else { rate };
        }
        self.last = (now, received);
        if !owes || received - self.quiet_from >= STALL_BYTES_MIN {
            (self.quiet, self.quiet_from) = (Duration::ZERO, received);
        } else if gauge.waits.load(Ordering::Relaxed) {
            // Only time in which the reader waits for the network counts.
            self.quiet += passed;
        }
        let patience = self.stall + Duration::from_secs(largest / HASHED_PER_SEC_MIN);
        if self.quiet >= patience { Err(Fault::Stalled) } else { Ok(()) }
    }
}
