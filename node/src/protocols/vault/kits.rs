//! Recovery kits between homes, and for a machine that asks for a part without a phrase.
//!
//! What a holder does is decided in [`holder`]; here are the streams, and how others hear of it.

use std::sync::Arc;
use std::time::Duration;

use heirloom_identity::{HouseholdId, KitId};
use heirloom_net::{CloseCode, Connection, FramedStream};

use super::kit_messages::{KitMessage, KitRequest};
use super::messages::{
    MESSAGE_BYTES_MAX, Notice, RecoveryMessage, RecoveryRefusal, VaultAnswer, VaultRefusal,
};
use super::{notices, recovery};
use crate::clock;
use crate::home::Home;
use crate::ledger::kits::PartState;
use crate::protocols::network::Network;
use crate::vault::kits::holder::{self, Asked};

/// Messages of one connection.
const MESSAGES_MAX: usize = 16;
/// How long the next message may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(15);

/// Answers a home that is paired.
pub(super) async fn answer(network: &Arc<Network>, peer: HouseholdId, request: KitRequest) -> VaultAnswer {
    let holds = matches!(request, KitRequest::Hold(_));
    let done = network.blocking(move |home| at_home(home, &peer, &request)).await;
    match done {
        Ok(answer) => {
            if holds {
                // Whoever lost everything may come without this home keeping packs.
                network.book.set_keeps(true);
            }
            answer
        }
        Err(error) => {
            tracing::warn!(%peer, "a part of a kit was not handled: {error:#}");
            VaultAnswer::Refused(VaultRefusal::Wrong)
        }
    }
}

fn at_home(home: &Home, peer: &HouseholdId, request: &KitRequest) -> anyhow::Result<VaultAnswer> {
    let now_ms = clock::now_ms();
    match request {
        KitRequest::Hold(parcel) => holder::take(home, peer, parcel, now_ms)?,
        KitRequest::Check(record) => match holder::check(home, peer, record)? {
            PartState::Held => {}
            PartState::Wrong => return Ok(VaultAnswer::Refused(VaultRefusal::Wrong)),
            _ => return Ok(VaultAnswer::Refused(VaultRefusal::Missing)),
        },
        KitRequest::End(revocation) => holder::end(home, peer, revocation)?,
        KitRequest::Refuse(kit) => holder::refused_by_owner(home, peer, kit, now_ms)?,
    }
    Ok(VaultAnswer::Done)
}

/// Answers a machine that asks for a part, until it has nothing more to say.
pub(super) async fn serve_stranger(
    network: &Arc<Network>,
    connection: Connection,
    mut stream: FramedStream,
    first: KitMessage,
) {
    let mut message = first;
    for _ in 0..MESSAGES_MAX {
        let answer = match stranger(network, &connection, message).await {
            Ok(answer) => RecoveryMessage::Kit(answer),
            Err(why) => return recovery::turn_away(&connection, stream, why).await,
        };
        if stream.send(&answer.encode()).await.is_err() {
            break;
        }
        let next = stream.recv_within(MESSAGE_BYTES_MAX, STEP_TIMEOUT).await;
        let Ok(Some(bytes)) = next else { break };
        let Some(RecoveryMessage::Kit(next)) = RecoveryMessage::decode(&bytes) else {
            return recovery::turn_away(&connection, stream, RecoveryRefusal::Malformed).await;
        };
        message = next;
    }
    connection.close(CloseCode::DONE, "nothing more is asked");
}

async fn stranger(
    network: &Arc<Network>,
    connection: &Connection,
    message: KitMessage,
) -> Result<KitMessage, RecoveryRefusal> {
    let failed = |error: anyhow::Error| {
        tracing::error!("a machine that asks for a part of a kit was not answered: {error:#}");
        RecoveryRefusal::Busy
    };
    match message {
        KitMessage::Ask(ask) if ask.version == recovery::VERSION => {
            let asker = connection.node();
            let answered =
                network.blocking(move |home| holder::asked(home, asker, &ask, clock::now_ms())).await;
            let (standing, news) = answered.map_err(failed)?.ok_or(RecoveryRefusal::Proof)?;
            if let Some(news) = news {
                tell(network, news).await;
            }
            Ok(KitMessage::Standing(standing))
        }
        KitMessage::Ask(_) => Err(RecoveryRefusal::Version),
        KitMessage::GetRecord { household, kit } => {
            let record = network.blocking(move |home| holder::record(home, &household, &kit)).await;
            Ok(KitMessage::Record(record.map_err(failed)?))
        }
        KitMessage::Standing(_) | KitMessage::Record(_) => Err(RecoveryRefusal::Malformed),
    }
}

/// Tells the home whose kit it is, and the other holders, that somebody asks for a part.
pub async fn tell(network: &Arc<Network>, news: Asked) {
    let Asked { kit, tell } = news;
    let notice = Notice::KitAsked { kit, at_ms: clock::now_ms() };
    let homes = tell.clone();
    let noted = network.blocking(move |home| {
        homes.into_iter().try_for_each(|household| notices::wait_for(home, household, notice.clone()))
    });
    if let Err(error) = noted.await {
        tracing::error!("could not note that others hear of a kit: {error:#}");
    }
    tell.into_iter().for_each(|household| notices::deliver_soon(network, household));
}

/// Hears from another home that somebody asks it for a part of a kit.
pub(super) async fn take_notice(network: &Arc<Network>, peer: HouseholdId, kit: KitId) -> anyhow::Result<()> {
    network
        .blocking(move |home| crate::vault::kits::owner::note_asked(home, &peer, &kit, clock::now_ms()))
        .await
}
