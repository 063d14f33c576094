//! The stream of news.

use std::time::Duration;

use axum::body::BodyDataStream;
use axum::http::StatusCode;
use futures_util::StreamExt;
use heirloom::home::events::Event;
use heirloom_testkit::photo;
use serde_json::{Value, json};

use crate::harness::Site;

/// How long an event may take on a machine that is busy with much else.
const PATIENCE: Duration = Duration::from_secs(2 * 60);

/// A page that listens.
pub(crate) struct Page {
    stream: BodyDataStream,
    text: String,
    /// Events that were passed over.
    pub(crate) passed: Vec<String>,
}

impl Page {
    pub(crate) async fn open(site: &Site, token: &str) -> Self {
        let response = site.get("/api/events").by(token).header("accept-encoding", "gzip, br").open().await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-cache");
        assert!(!response.headers().contains_key("content-encoding"));
        let stream = response.into_body().into_data_stream();
        let mut page = Self { stream, text: String::new(), passed: Vec::new() };
        assert_eq!(page.next("timeline").await["months"], json!([]));
        assert_eq!(page.next("jobs").await["failed"], json!(0));
        page
    }

    /// The data of the next event of a kind; others are passed over.
    pub(crate) async fn next(&mut self, kind: &str) -> Value {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let data = event.strip_prefix(&format!("event: {kind}\ndata: ")).map(str::to_owned);
                let event = event.to_owned();
                self.text = rest.to_owned();
                if let Some(data) = data {
                    return serde_json::from_str(&data).unwrap();
                }
                self.passed.push(event);
            }
            let piece = tokio::time::timeout(PATIENCE, self.stream.next()).await;
            let piece = piece.unwrap_or_else(|_| panic!("no {kind} event came")).unwrap().unwrap();
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }
}

#[tokio::test]
async fn a_page_hears_of_what_arrives_and_changes() {
    let site = Site::new();
    let mut page = Page::open(&site, &site.anna).await;
    let id = site.upload("a.png", &photo(1, Some("2024:05:01 12:30:00"))).await;
    let arrived = page.next("timeline").await;
    assert_eq!(arrived["months"], json!(["2024-03"]), "dated by its file until it is read");
    assert_eq!(page.next("jobs").await, json!({"waiting": 1, "running": 0, "failed": 0}));
    site.derive().await;
    let derived = page.next("timeline").await;
    assert_eq!(derived["months"], json!(["2024-03", "2024-05"]));
    assert!(derived["rev"].as_u64() > arrived["rev"].as_u64());
    assert_eq!(page.next("asset").await, json!({"id": id, "local": 1}));
    site.put("/api/assets/1").by(&site.anna).json(&json!({"description": "Hi"})).send().await;
    assert_eq!(page.next("timeline").await["months"], json!(["2024-05"]));
    assert_eq!(page.next("asset").await["local"], json!(1));
}

#[tokio::test]
async fn nobody_hears_of_anothers_photos() {
    let site = Site::new();
    let ben = site.ben();
    let mut page = Page::open(&site, &ben).await;
    site.upload("a.png", &photo(1, None)).await;
    assert_eq!(page.next("jobs").await["waiting"], json!(1));
    assert_eq!(page.text, "", "the upload's other events were told before the jobs'");
}

#[tokio::test]
async fn who_fell_behind_is_told_to_look_again() {
    let site = Site::new();
    let mut page = Page::open(&site, &site.anna).await;
    for rev in 0..1000 {
        site.home.events.tell(Event::Timeline { account: site.anna_id, rev, months: vec![202_405] });
    }
    let missed = page.next("timeline").await;
    assert_eq!(missed["months"], json!([]));
}

#[tokio::test]
async fn streams_end_when_the_node_stops() {
    let site = Site::new();
    let mut page = Page::open(&site, &site.anna).await;
    site.stopping.cancel();
    let end = tokio::time::timeout(PATIENCE, page.stream.next()).await.unwrap();
    assert!(end.is_none());
}

#[tokio::test]
async fn open_streams_are_bounded() {
    let site = Site::new();
    let mut open = Vec::new();
    for _ in 0..32 {
        open.push(site.get("/api/events").by(&site.anna).open().await);
    }
    assert!(open.iter().all(|response| response.status() == StatusCode::OK));
    let more = site.get("/api/events").by(&site.anna).send().await;
    assert_eq!((more.status, more.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "15"));
    open.pop();
    let again = site.get("/api/events").by(&site.anna).open().await;
    assert_eq!(again.status(), StatusCode::OK);
}
