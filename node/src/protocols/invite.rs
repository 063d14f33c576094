//! Inviting, accepting, confirming: what people ask of the [`Network`].

use std::sync::Arc;

use anyhow::{Context, bail};
use data_encoding::HEXLOWER;
use heirloom_identity::card::clean_name;
use heirloom_identity::{Invitation, InvitationId};
use zeroize::Zeroizing;

use super::network::Network;
use super::pairing::{Decision, INVITATION_MS, Pairing, PairingRole, PairingState, Problem, guest};
use crate::clock;
use crate::ledger::invitations::{InvitationRow, InvitationState};
use crate::ledger::peers::PeerState;

/// Links that are being followed at the same time.
const ACCEPTING_MAX: usize = super::book::GUESTS_MAX;

/// An invitation that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invited {
    /// Names it; the pairing it leads to has the same id.
    pub id: String,
    /// To be passed on, as text or as a picture.
    pub link: String,
    /// When it ends, milliseconds since the Unix epoch, UTC.
    pub expires_ms: i64,
}

impl Network {
    /// Makes an invitation: a link that lets one home in, within a day. With `auto_confirm` nobody here is asked about
    /// the home that comes with it, which is for scripts.
    ///
    /// # Errors
    /// When too many are open, or it could not be saved.
    pub async fn invite(&self, auto_confirm: bool) -> anyhow::Result<Invited> {
        if self.home.is_outranked() {
            bail!("another computer has taken the place of this one; invite from there");
        }
        let secret = Zeroizing::new(crate::random::bytes::<16>()?);
        let (name, _) = self.who_we_are().await?;
        let address = self.address();
        let now_ms = clock::now_ms();
        let expires_ms = now_ms.saturating_add(INVITATION_MS);
        let household = *self.home.keys.certificate.household();
        let invitation = Invitation::new(
            address.node,
            household,
            *secret,
            &address.direct,
            address.relay,
            expires_ms,
            &name,
        )?;
        let link = invitation.link().to_string();
        let id = invitation.id();
        let invited = Invited { id: id.to_string(), link, expires_ms };
        let row = InvitationRow {
            id: *id.as_bytes(),
            secret,
            link: invited.link.clone(),
            auto_confirm,
            made_ms: now_ms,
            expires_ms: invited.expires_ms,
            guest: None,
            state: InvitationState::Open,
        };
        let shown = open(&row);
        self.blocking(move |home| Ok(home.ledger.add_invitation(row)?)).await?;
        self.reread_invitations().await;
        self.pairings.begin(shown, None);
        self.tell_peers();
        Ok(invited)
    }

    /// Takes an invitation back; a home that just came with it is turned away.
    ///
    /// # Errors
    /// When there is no such invitation, or it could not be saved.
    pub async fn withdraw(&self, id: &str) -> anyhow::Result<()> {
        let bytes = id_of(id)?;
        self.pairings.decide(id, Decision::Deny);
        self.end_invitation(bytes, InvitationState::Cancelled).await;
        self.pairings.forget(id);
        self.tell_peers();
        Ok(())
    }

    /// The link of an open invitation, to be shown again.
    ///
    /// # Errors
    /// When there is no such invitation.
    pub async fn link_of(&self, id: &str) -> anyhow::Result<String> {
        let bytes = id_of(id)?;
        let row = self.blocking(move |home| Ok(home.ledger.invitation(&bytes)?)).await?;
        Ok(row.filter(|row| row.state == InvitationState::Open).context("this invitation has ended")?.link)
    }

    /// Open invitations, homes that wait for a person's word, and what became of them lately.
    pub fn pairings(&self) -> Vec<Pairing> {
        self.pairings.list()
    }

    /// One of them.
    pub fn pairing(&self, id: &str) -> Option<Pairing> {
        self.pairings.get(id)
    }

    /// Hears of every change of a pairing.
    pub fn pairing_changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.pairings.watch()
    }

    /// Lets in the home that waits, under a name of one's own if one is given.
    ///
    /// # Errors
    /// When no home waits there.
    pub fn confirm(&self, id: &str, name: Option<&str>) -> anyhow::Result<()> {
        let name = name.map(clean_name).filter(|name| !name.is_empty());
        if !self.pairings.decide(id, Decision::Confirm(name)) {
            bail!("no home waits there for your word any more");
        }
        Ok(())
    }

    /// Turns away the home that waits, whether it is connected just now or not; or gives up an invitation that this home
    /// follows.
    ///
    /// # Errors
    /// When no home waits there, and none is followed.
    pub fn deny(self: &Arc<Self>, id: &str) -> anyhow::Result<()> {
        if self.pairings.decide(id, Decision::Deny) {
            self.pairings.fail(id, Problem::Denied.word().to_owned());
            let invitation = id_of(id)?;
            let network = Arc::clone(self);
            self.tasks.spawn_on(
                async move {
                    network.end_invitation(invitation, InvitationState::Denied).await;
                    network.tell_peers();
                },
                &self.runtime,
            );
        } else if !self.pairings.give_up(id) {
            bail!("no home waits there for your word any more");
        }
        self.tell_peers();
        Ok(())
    }

    /// Follows an invitation of another home; what comes of it is seen in [`Network::pairings`] under the id of the
    /// answer.
    ///
    /// Whether it has expired is for the other home to say: this one's clock may be wrong.
    ///
    /// # Errors
    /// When the text is no invitation, is this home's own, or too many are being followed.
    pub fn accept(self: &Arc<Self>, link: &str) -> anyhow::Result<Pairing> {
        if self.home.is_outranked() {
            bail!("another computer has taken the place of this one; accept it there");
        }
        let invitation = Invitation::parse(link)?;
        if invitation.household() == self.home.keys.certificate.household() {
            bail!("{}", Problem::Own);
        }
        if let Some(peer) = self.peer(invitation.household()) {
            if peer.state == PeerState::Blocked {
                bail!("you keep {} out; let it in again first", peer.name());
            }
            if peer.state == PeerState::Paired && self.connection(&peer.household).is_some() {
                bail!("{}", Problem::Already);
            }
        }
        if let Some(known) = self.pairings.followed(&invitation.id()) {
            return Ok(known);
        }
        // A newer link knows better where that home is.
        self.pairings.supersede(invitation.household());
        let open = self.pairings();
        let following = open
            .iter()
            .filter(|shown| shown.role == PairingRole::Guest && shown.state == PairingState::Waiting);
        if following.count() >= ACCEPTING_MAX {
            bail!("{ACCEPTING_MAX} invitations are being followed already; wait for one of them");
        }
        let id = HEXLOWER.encode(&crate::random::bytes::<16>()?);
        let shown = guest::first_look(id.clone(), &invitation);
        let given_up = self.pairings.follow(shown.clone(), *invitation.node(), invitation.id());
        self.tell_peers();
        self.tasks.spawn(guest::run(Arc::clone(self), id, invitation, given_up));
        Ok(shown)
    }

    pub(super) async fn end_invitation(&self, id: [u8; 32], state: InvitationState) {
        if let Err(error) = self.blocking(move |home| Ok(home.ledger.end_invitation(&id, state)?)).await {
            tracing::error!(%error, "could not end an invitation");
        }
        self.reread_invitations().await;
    }

    pub(super) async fn reread_invitations(&self) {
        let book = Arc::clone(&self.book);
        if let Err(error) = self.blocking(move |home| book.read_invitations(&home.ledger)).await {
            tracing::error!(%error, "could not look up which invitations are open");
        }
    }

    /// Shows the invitations that were open when the node stopped.
    pub(super) fn show_open_invitations(&self, rows: &[InvitationRow]) {
        let now_ms = clock::now_ms();
        let is_open = |row: &&InvitationRow| row.state == InvitationState::Open && row.expires_ms > now_ms;
        for row in rows.iter().filter(is_open) {
            self.pairings.begin(open(row), None);
        }
    }

    /// Ends what nobody came for in time.
    pub(super) fn expire_invitations(&self) {
        let now_ms = clock::now_ms();
        for shown in self.pairings() {
            let is_open = matches!(shown.state, PairingState::Waiting | PairingState::Confirm);
            if shown.role == PairingRole::Inviter && is_open && shown.expires_ms <= now_ms {
                self.pairings.fail(&shown.id, Problem::Expired.word().to_owned());
                self.tell_peers();
            }
        }
    }
}

/// An invitation for which nobody has come.
fn open(row: &InvitationRow) -> Pairing {
    Pairing {
        id: HEXLOWER.encode(&row.id),
        role: PairingRole::Inviter,
        state: PairingState::Waiting,
        name: String::new(),
        people: Vec::new(),
        words: Vec::new(),
        reason: None,
        expires_ms: row.expires_ms,
        household: None,
    }
}

fn id_of(text: &str) -> anyhow::Result<[u8; 32]> {
    let id: InvitationId = text.parse().ok().context("there is no such invitation")?;
    Ok(*id.as_bytes())
}
