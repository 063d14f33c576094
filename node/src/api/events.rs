//! What just changed at home, as a stream that an open page listens to (server-sent events).
//!
//! Every event is a hint: `timeline` says which months to ask for again (none named: look at everything),
//! `asset` names a photo whose details changed, `jobs` counts the work in the background. A stream begins with
//! a `timeline` and a `jobs` event, so nothing falls between a page's first look and its first news. A
//! listener that fell behind is told to look again instead of what it missed.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderName;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use heirloom_catalog::JobCounts;
use heirloom_catalog::calendar::month_text;
use heirloom_identity::{AccountId, SpaceId};
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::error::{ApiError, ErrorBody};
use super::extract::blocking;
use super::limits::{EVENT_PING, EVENT_STREAMS_MAX, EVENT_STREAMS_PER_ACCOUNT_MAX, JOBS_PAUSE, VAULT_PAUSE};
use super::session::SignedIn;
use crate::home::Home;
use crate::home::events::{self as news, AlbumPart, Event};
use crate::sharing;

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new().routes(routes!(events))
}

/// Streams what changes in the account's timeline, from now on.
#[utoipa::path(get, path = "/events", tag = "node",
    responses((status = 200, description = "Events: timeline {rev, months}, asset {id, local}, jobs {waiting, running, failed}, peers {}, vault {}, albums {}, album {id, changed}", content_type = "text/event-stream", body = String),
        (status = 401, body = ErrorBody), (status = 429, body = ErrorBody)))]
async fn events(State(state): State<Arc<ApiState>>, signed_in: SignedIn) -> Result<Response, ApiError> {
    let account = signed_in.account;
    let place = Place::take(&state.streams, account).ok_or_else(|| {
        ApiError::too_many("Too many pages are open.", EVENT_PING.as_secs()).hint("Close some of them.")
    })?;
    // Listening begins before the first look, so that nothing falls between.
    let news = state.home.events.listen();
    let mut jobs = Paced::every(JOBS_PAUSE);
    jobs.soon();
    let listener = Listener {
        home: Arc::clone(&state.home),
        account,
        news,
        stopping: state.stopping.clone(),
        ready: VecDeque::from([look_again(&state.home, &account)]),
        jobs,
        jobs_told: None,
        vault: Paced::every(VAULT_PAUSE),
        _place: place,
    };
    let ping = KeepAlive::new().interval(EVENT_PING).text("ping");
    // A buffering proxy would hold the news back.
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((unbuffered, Sse::new(listener.stream()).keep_alive(ping)).into_response())
}

/// Which streams are open.
#[derive(Debug, Default)]
pub struct Streams {
    open: Mutex<HashMap<AccountId, usize>>,
}

/// One open stream, counted until it is dropped.
struct Place {
    streams: Arc<Streams>,
    account: AccountId,
}

impl Place {
    fn take(streams: &Arc<Streams>, account: AccountId) -> Option<Self> {
        let mut open = streams.open.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = open.values().sum();
        let own = open.entry(account).or_default();
        if all >= EVENT_STREAMS_MAX || *own >= EVENT_STREAMS_PER_ACCOUNT_MAX {
            return None;
        }
        *own += 1;
        drop(open);
        Some(Self { streams: Arc::clone(streams), account })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.account) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.account);
            }
        }
    }
}

/// Data of a `timeline` event.
#[derive(Serialize)]
struct TimelineNews {
    rev: u32,
    months: Vec<String>,
}

/// Data of an `asset` event.
#[derive(Serialize)]
struct AssetNews {
    id: String,
    local: u32,
}

/// Data of a `jobs` event.
#[derive(Serialize)]
struct JobsNews {
    waiting: u64,
    running: u64,
    failed: u64,
}

/// Data of an `album` event.
#[derive(Serialize)]
struct AlbumNews {
    id: String,
    changed: Vec<AlbumPart>,
}

/// Data of an event that says only that something changed.
#[derive(Serialize)]
struct Nothing {}

/// One listening page.
struct Listener {
    home: Arc<Home>,
    account: AccountId,
    news: news::Listener,
    stopping: CancellationToken,
    ready: VecDeque<sse::Event>,
    jobs: Paced,
    jobs_told: Option<JobCounts>,
    vault: Paced,
    _place: Place,
}

/// News that a page hears at once, and then no more often than it can do something with it.
struct Paced {
    pause: Duration,
    told: Option<Instant>,
    /// When to tell next, if there is something to tell.
    due: Option<Instant>,
}

impl Paced {
    fn every(pause: Duration) -> Self {
        Self { pause, told: None, due: None }
    }

    /// There is something to tell.
    fn soon(&mut self) {
        let rested = self.told.map_or_else(Instant::now, |at| at + self.pause);
        self.due.get_or_insert(rested);
    }

    /// Returns when it is to be told.
    async fn due(&self) {
        match self.due {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    fn told(&mut self) {
        (self.due, self.told) = (None, Some(Instant::now()));
    }
}

impl Listener {
    fn stream(self) -> impl Stream<Item = Result<sse::Event, Infallible>> {
        stream::unfold(self, |mut listener| async move {
            let event = listener.next().await?;
            Some((Ok(event), listener))
        })
    }

    /// The next event; `None` when the node stops.
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => return None,
                () = self.jobs.due() => self.count_jobs().await,
                () = self.vault.due() => {
                    self.vault.told();
                    self.ready.push_back(told("vault", &Nothing {}));
                }
                news = self.news.recv() => match news {
                    Ok(event) => self.take(event).await,
                    Err(RecvError::Lagged(_)) => {
                        self.ready.push_back(look_again(&self.home, &self.account));
                        self.jobs.soon();
                    }
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }

    async fn take(&mut self, event: Event) {
        match event {
            Event::Timeline { account, rev, months } if account == self.account => {
                let months = months.into_iter().map(month_text).collect();
                self.ready.push_back(told("timeline", &TimelineNews { rev, months }));
            }
            Event::Asset { account, asset, local_id } if account == self.account => {
                self.ready.push_back(told("asset", &AssetNews { id: asset.to_string(), local: local_id }));
            }
            Event::Jobs => self.jobs.soon(),
            Event::Peers => self.ready.push_back(told("peers", &Nothing {})),
            Event::Vault => self.vault.soon(),
            Event::Albums => self.ready.push_back(told("albums", &Nothing {})),
            Event::Album { space, changed } => self.ready.extend(self.album_news(space, changed).await),
            Event::Timeline { .. } | Event::Asset { .. } => {}
        }
    }

    /// News of an album, if the account sees it.
    async fn album_news(&self, space: SpaceId, changed: Vec<AlbumPart>) -> Option<sse::Event> {
        let (home, account) = (Arc::clone(&self.home), self.account);
        let look = move || {
            let Some(album) = home.albums.album(&space)? else { return Ok(None) };
            Ok(sharing::sees(&home, &account, &album)?.then_some(album.id))
        };
        let id = blocking(look).await.ok().flatten()?;
        Some(told("album", &AlbumNews { id: id.to_string(), changed }))
    }

    async fn count_jobs(&mut self) {
        self.jobs.told();
        let home = Arc::clone(&self.home);
        let Ok(counts) = blocking(move || Ok(home.catalog().counts()?)).await else { return };
        if self.jobs_told.replace(counts) != Some(counts) {
            let JobCounts { waiting, running, failed } = counts;
            self.ready.push_back(told("jobs", &JobsNews { waiting, running, failed }));
        }
    }
}

/// Tells a page that anything may have changed.
fn look_again(home: &Home, account: &AccountId) -> sse::Event {
    let rev = home.catalog().revision(account).unwrap_or(0);
    told("timeline", &TimelineNews { rev, months: Vec::new() })
}

fn told(kind: &str, data: &impl Serialize) -> sse::Event {
    let data = serde_json::to_string(data).unwrap_or_default();
    sse::Event::default().event(kind).data(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_streams_are_bounded() {
        let streams = Arc::new(Streams::default());
        let account = |n: u8| AccountId::from_random([n; 16]);
        let own: Vec<_> =
            (0..EVENT_STREAMS_PER_ACCOUNT_MAX).map(|_| Place::take(&streams, account(0))).collect();
        assert!(own.iter().all(Option::is_some));
        assert!(Place::take(&streams, account(0)).is_none());
        let others: Vec<_> = (1..=8).flat_map(|n| (0..28).map(move |_| n)).collect();
        let others: Vec<_> = others.into_iter().map(|n| Place::take(&streams, account(n))).collect();
        assert!(others.iter().all(Option::is_some));
        assert!(Place::take(&streams, account(9)).is_none());
        drop((own, others));
        assert!(streams.open.lock().unwrap().values().all(|count| *count == 0));
    }
}
