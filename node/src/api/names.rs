//! What homes and people are called, in answers about albums.

use std::collections::BTreeMap;

use heirloom_identity::{AccountId, HouseholdId};
use serde::Serialize;
use utoipa::ToSchema;

use super::dates::iso;
use super::error::ApiError;
use crate::home::Home;
use crate::ledger::accounts::Account;
use crate::ledger::peers::Peer;

/// What names are made of, looked up once for each answer.
pub struct Names {
    /// This household.
    pub us: HouseholdId,
    our_name: String,
    accounts: Vec<Account>,
    peers: Vec<Peer>,
}

impl Names {
    /// Looks everything up.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn load(home: &Home) -> Result<Self, ApiError> {
        Ok(Self {
            us: *home.keys.certificate.household(),
            our_name: home.name()?,
            accounts: home.ledger.accounts()?,
            peers: home.ledger.peers()?,
        })
    }

    /// What people here call a home.
    pub fn home(&self, household: &HouseholdId) -> String {
        if *household == self.us {
            return self.our_name.clone();
        }
        let known = self.peers.iter().find(|peer| peer.household == *household);
        known.map_or_else(|| household.to_string()[..8].to_owned(), Peer::name)
    }

    /// What people here call somebody: as the album says, else as their home says, else by their home.
    pub fn person(&self, told: &Told, household: &HouseholdId, account: &AccountId) -> String {
        if let Some(own) = self.accounts.iter().find(|own| own.id == *account && *household == self.us) {
            return own.name.clone();
        }
        let peer = self.peers.iter().find(|peer| peer.household == *household);
        let people = peer.and_then(|peer| peer.card.as_ref()).map(|card| card.people()).unwrap_or_default();
        let in_card =
            || people.iter().find(|person| person.account == *account).map(|person| person.name.clone());
        told.get(&(*household, *account)).cloned().or_else(in_card).unwrap_or_else(|| self.home(household))
    }

    /// Somebody as a page names them.
    pub fn author(&self, told: &Told, household: &HouseholdId, account: Option<&AccountId>) -> AuthorJson {
        AuthorJson {
            household: household.to_string(),
            account: account.map(AccountId::to_string),
            name: account
                .map_or_else(|| self.home(household), |account| self.person(told, household, account)),
        }
    }

    /// Somebody as Immich's clients name them.
    pub fn user(&self, told: &Told, household: &HouseholdId, account: &AccountId) -> UserJson {
        let own = self.accounts.iter().find(|own| own.id == *account && *household == self.us);
        UserJson {
            id: account.to_string(),
            email: own.map(|own| own.email.clone()).unwrap_or_default(),
            name: self.person(told, household, account),
            avatar_color: "primary",
            profile_image_path: "",
            profile_changed_at: iso(own.map_or(0, |own| own.created_ms)),
        }
    }
}

/// What an album calls its people.
pub type Told = BTreeMap<(HouseholdId, AccountId), String>;

/// Whose home, whose account.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuthorJson {
    /// The household.
    pub household: String,
    /// The account there, if it is about one.
    pub account: Option<String>,
    /// What people see: the person's name, or the home's.
    pub name: String,
}

/// Somebody in an album, in the shape of Immich's `UserResponseDto`.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserJson {
    /// The account.
    pub id: String,
    /// Always empty for people of other homes.
    pub email: String,
    /// Shown on the page.
    pub name: String,
    /// Always `primary`.
    pub avatar_color: &'static str,
    /// Always empty.
    pub profile_image_path: &'static str,
    /// When the account was made.
    pub profile_changed_at: String,
}
