//! What albums say changed, passed on: to open pages, to the downloads, to the timelines.

use std::sync::Arc;

use heirloom_spaces::{Changed, News};

use super::{albums, timeline};
use crate::home::Home;
use crate::home::events::{AlbumPart, Event};

/// Listens to the albums of a home for as long as somebody else holds it.
pub(super) fn listen(home: &Arc<Home>) {
    let home_then = Arc::downgrade(home);
    home.albums.listen(Box::new(move |news| {
        if let Some(home) = home_then.upgrade() {
            heard(&home, news);
        }
    }));
}

fn heard(home: &Home, news: &News) {
    let changed: Vec<AlbumPart> = news.changed.iter().filter_map(|changed| part(*changed)).collect();
    let (entries, members) = (changed.contains(&AlbumPart::Entries), changed.contains(&AlbumPart::Members));
    if entries || members {
        timeline::note(home, news);
    }
    if entries || members {
        home.sharing.touched(&news.space);
        home.sharing.wake();
    }
    if members {
        let album = home.albums.album(&news.space).unwrap_or_default();
        if let Some(Err(error)) = album.map(|album| albums::remember(home, &album)) {
            tracing::error!(%error, "could not note who sees an album; it is noted at the next start");
        }
        home.events.tell(Event::Albums);
    }
    if !changed.is_empty() {
        home.events.tell(Event::Album { space: news.space, changed });
    }
}

/// The part of an album that a page knows; keys are none.
fn part(changed: Changed) -> Option<AlbumPart> {
    match changed {
        Changed::Entries => Some(AlbumPart::Entries),
        Changed::About => Some(AlbumPart::About),
        Changed::Talk => Some(AlbumPart::Talk),
        Changed::Members => Some(AlbumPart::Members),
        Changed::Epochs => None,
    }
}
