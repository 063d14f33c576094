//! A card: what a home says about itself to the homes it knows.
//!
//! Its name, who lives there and the key that secrets are sealed to, signed by its node. A card with a higher number
//! replaces one with a lower. The bytes are drawn in `docs/formats/card.md`.

use thiserror::Error;

use crate::{
    certificate::{Certificate, CertificateError},
    ids::{AccountId, HouseholdId},
    keys::{SIGNATURE_BYTES, Signer, verify},
    labels,
    receive::ReceivePublic,
    wire::{Reader, Writer, is_ascending},
};

/// The version that this code writes and reads.
const VERSION: u8 = 1;
/// The algorithm byte of Ed25519.
const ED25519: u8 = 1;
/// How long a name may be, in characters.
pub const NAME_CHARS_MAX: usize = 100;
/// How long a name may be, in bytes.
const NAME_BYTES_MAX: usize = 4 * NAME_CHARS_MAX;
/// How many people a card may name.
pub const PEOPLE_MAX: usize = 64;
/// Everything but names, people and signature.
const FIXED_BYTES: usize = 2 + Certificate::BYTES + 8 + 8 + 32;
/// How large a card may be.
pub const CARD_BYTES_MAX: usize =
    FIXED_BYTES + 2 + NAME_BYTES_MAX + 1 + PEOPLE_MAX * (16 + 2 + NAME_BYTES_MAX) + SIGNATURE_BYTES;

/// Why a card can't be made or read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CardError {
    /// It ends before its last field.
    #[error("the card is cut off")]
    Truncated,
    /// It goes on after its signature.
    #[error("the card is followed by {0} bytes that don't belong to it")]
    Trailing(usize),
    /// Written by a version that this program doesn't know.
    #[error("the card has version {0}, this program reads version 1; a newer program may have written it")]
    Version(u8),
    /// Signed in a way that this program doesn't know.
    #[error(
        "the card's signature algorithm {0} is unknown, only 1 (Ed25519) is; a newer program may know it"
    )]
    Algorithm(u8),
    /// The certificate inside is none.
    #[error("the card's certificate is not good: {0}")]
    Certificate(#[from] CertificateError),
    /// Signed with a key that the certificate doesn't name.
    #[error("the signing key is not the one that the certificate names")]
    WrongSigner,
    /// A receive key with which nothing can be kept secret.
    #[error("the card's receive key is no usable X25519 key")]
    ReceiveKey,
    /// A name that isn't one.
    #[error("a name on a card is at most 100 characters of text, without control characters")]
    Name,
    /// More than [`PEOPLE_MAX`].
    #[error("a card names at most 64 people, this one names {0}")]
    TooManyPeople(usize),
    /// The people aren't sorted by account, or one is named twice.
    #[error("the people on the card are not sorted, or one is named twice")]
    Order,
    /// The signer didn't sign these bytes.
    #[error("the card's signature is not its household's node's: it was damaged or forged")]
    Signature,
}

/// Somebody who lives in a home.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Person {
    /// Their account.
    pub account: AccountId,
    /// Their name, at most [`NAME_CHARS_MAX`] characters.
    pub name: String,
}

/// What a home says about itself. Every value of this type has a valid certificate and a valid signature by the key it
/// names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    number: u64,
    certificate: Certificate,
    receive: ReceivePublic,
    name: String,
    people: Vec<Person>,
    at_ms: i64,
    encoded: Vec<u8>,
}

impl Card {
    /// Signs a card. `number` must be higher than that of every card this household issued before. People are sorted
    /// first; names that people typed go through [`clean_name`] before. `at_ms` is in milliseconds since the Unix epoch,
    /// UTC.
    ///
    /// # Errors
    /// [`CardError::WrongSigner`], [`CardError::ReceiveKey`], [`CardError::Name`], [`CardError::TooManyPeople`] and
    /// [`CardError::Order`].
    pub fn issue(
        signer: &Signer,
        certificate: &Certificate,
        number: u64,
        receive: ReceivePublic,
        name: &str,
        mut people: Vec<Person>,
        at_ms: i64,
    ) -> Result<Self, CardError> {
        if signer.id() != *certificate.signer() {
            return Err(CardError::WrongSigner);
        }
        people.sort_unstable();
        let count = check_people(people.len())?;
        let mut body = Writer::new();
        body.u8(VERSION).u8(ED25519).bytes(&certificate.encode());
        body.u64(number).i64(at_ms).bytes(receive.as_bytes());
        write_name(&mut body, name)?;
        body.u8(count);
        for Person { account, name } in &people {
            write_name(body.bytes(account.as_bytes()), name)?;
        }
        let signature = signer.sign(labels::CARD, body.as_bytes());
        body.bytes(&signature);
        Self::decode(&body.into_bytes())
    }

    /// Reads a card, and verifies the certificate in it and the signature by the key that the certificate names.
    ///
    /// # Errors
    /// Any [`CardError`] but [`CardError::WrongSigner`].
    pub fn decode(encoded: &[u8]) -> Result<Self, CardError> {
        let cut = || CardError::Truncated;
        let mut reader = Reader(encoded);
        match reader.u8().ok_or_else(cut)? {
            VERSION => {}
            other => return Err(CardError::Version(other)),
        }
        match reader.u8().ok_or_else(cut)? {
            ED25519 => {}
            other => return Err(CardError::Algorithm(other)),
        }
        let certificate = reader.take(Certificate::BYTES).ok_or_else(cut)?;
        let number = reader.u64().ok_or_else(cut)?;
        let at_ms = reader.i64().ok_or_else(cut)?;
        let receive = ReceivePublic::from_bytes(reader.array().ok_or_else(cut)?);
        let name = read_name(&mut reader)?;
        let people = read_people(&mut reader)?;
        let body = &encoded[..encoded.len() - reader.0.len()];
        let signature: [u8; SIGNATURE_BYTES] = reader.array().ok_or_else(cut)?;
        if !reader.is_empty() {
            return Err(CardError::Trailing(reader.0.len()));
        }
        if !receive.is_usable() {
            return Err(CardError::ReceiveKey);
        }
        let certificate = Certificate::decode(certificate)?;
        if !verify(certificate.signer().as_bytes(), labels::CARD, body, &signature) {
            return Err(CardError::Signature);
        }
        Ok(Self { number, certificate, receive, name, people, at_ms, encoded: encoded.to_vec() })
    }

    /// The card's only encoding.
    pub fn encode(&self) -> Vec<u8> {
        self.encoded.clone()
    }

    /// The card's only encoding, borrowed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.encoded
    }

    /// Whether this card replaces the other: one under a certificate that outranks the other's does, and under the same
    /// certificate the one with the higher number, or of two with one number the one with the lower BLAKE3. Cards of
    /// different households never replace each other.
    pub fn replaces(&self, other: &Self) -> bool {
        if self.certificate != other.certificate {
            return self.certificate.outranks(&other.certificate);
        }
        let hash = |card: &Self| *blake3::hash(&card.encoded).as_bytes();
        self.number > other.number || self.number == other.number && hash(self) < hash(other)
    }

    /// The household that the card is about.
    pub fn household(&self) -> &HouseholdId {
        self.certificate.household()
    }

    /// Counts the household's cards; a higher number replaces a lower.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The certificate of the node that signed it.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The household's receive key.
    pub fn receive(&self) -> &ReceivePublic {
        &self.receive
    }

    /// The household's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Who lives there, sorted by account.
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// When it was issued, in milliseconds since the Unix epoch, UTC.
    pub fn at_ms(&self) -> i64 {
        self.at_ms
    }
}

/// What a card can carry of a name that somebody typed: without control characters and marks that turn the direction of
/// the text around, without white space at either end, and at most [`NAME_CHARS_MAX`] characters.
pub fn clean_name(name: &str) -> String {
    let kept: String = name.chars().filter(|letter| is_plain(*letter)).collect();
    let short: String = kept.trim().chars().take(NAME_CHARS_MAX).collect();
    short.trim_end().to_owned()
}

/// Whether a letter shows as itself: control characters could hide a name, and direction marks disguise it as another.
pub(crate) fn is_plain(letter: char) -> bool {
    !letter.is_control()
        && !matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn check_name(name: &str) -> Result<(), CardError> {
    let good = name.chars().all(is_plain) && name.chars().count() <= NAME_CHARS_MAX;
    if good { Ok(()) } else { Err(CardError::Name) }
}

fn write_name(to: &mut Writer, name: &str) -> Result<(), CardError> {
    check_name(name)?;
    to.u16(u16::try_from(name.len()).map_err(|_| CardError::Name)?).bytes(name.as_bytes());
    Ok(())
}

fn read_name(from: &mut Reader<'_>) -> Result<String, CardError> {
    let length = usize::from(from.u16().ok_or(CardError::Truncated)?);
    if length > NAME_BYTES_MAX {
        return Err(CardError::Name);
    }
    let bytes = from.take(length).ok_or(CardError::Truncated)?;
    let name = std::str::from_utf8(bytes).map_err(|_| CardError::Name)?;
    check_name(name)?;
    Ok(name.to_owned())
}

fn check_people(count: usize) -> Result<u8, CardError> {
    match u8::try_from(count) {
        Ok(small) if count <= PEOPLE_MAX => Ok(small),
        _ => Err(CardError::TooManyPeople(count)),
    }
}

fn read_people(from: &mut Reader<'_>) -> Result<Vec<Person>, CardError> {
    let count = usize::from(from.u8().ok_or(CardError::Truncated)?);
    check_people(count)?;
    let mut people = Vec::with_capacity(count);
    for _ in 0..count {
        let account = AccountId::from_bytes(from.array().ok_or(CardError::Truncated)?);
        people.push(Person { account, name: read_name(from)? });
    }
    match is_ascending(people.iter().map(|person| person.account)) {
        true => Ok(people),
        false => Err(CardError::Order),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixture::Home;

    fn person(seed: u8, name: &str) -> Person {
        Person { account: AccountId::from_random([seed; 16]), name: name.to_owned() }
    }

    fn issue(home: &Home, number: u64, name: &str, people: Vec<Person>) -> Result<Card, CardError> {
        Card::issue(home.signer(), &home.certificate, number, home.receive.public(), name, people, 1_784)
    }

    #[test]
    fn only_the_certified_node_issues() {
        let [home, other] = [1, 2].map(Home::new);
        let receive = home.receive.public();
        let error = Card::issue(other.signer(), &home.certificate, 1, receive, "Home", vec![], 0);
        assert_eq!(error.unwrap_err(), CardError::WrongSigner);
        let nowhere = ReceivePublic::from_bytes([0; 32]);
        let error = Card::issue(home.signer(), &home.certificate, 1, nowhere, "Home", vec![], 0);
        assert_eq!(error.unwrap_err(), CardError::ReceiveKey);
    }

    #[test]
    fn limits_hold_when_issuing() {
        let home = Home::new(1);
        assert!(issue(&home, 1, &"ö".repeat(100), vec![]).is_ok());
        assert_eq!(issue(&home, 1, &"ö".repeat(101), vec![]).unwrap_err(), CardError::Name);
        assert_eq!(issue(&home, 1, "a\u{202e}b", vec![]).unwrap_err(), CardError::Name);
        let crowd = |count| (0..count).map(|seed| person(seed, &"𐍈".repeat(100))).collect::<Vec<_>>();
        let largest = issue(&home, 1, &"𐍈".repeat(100), crowd(64)).unwrap();
        assert_eq!(largest.as_bytes().len(), CARD_BYTES_MAX);
        assert_eq!(issue(&home, 1, "", crowd(65)).unwrap_err(), CardError::TooManyPeople(65));
        let twice = vec![person(1, "Anna"), person(1, "Ben")];
        assert_eq!(issue(&home, 1, "", twice).unwrap_err(), CardError::Order);
    }

    #[test]
    fn a_higher_number_replaces_a_lower_of_the_same_household() {
        let [home, other] = [1, 2].map(Home::new);
        let [first, second] = [1, 2].map(|number| issue(&home, number, "Home", vec![]).unwrap());
        assert!(second.replaces(&first) && !first.replaces(&second) && !first.replaces(&first));
        let elsewhere = issue(&other, 9, "Home", vec![]).unwrap();
        assert!(!elsewhere.replaces(&first) && !first.replaces(&elsewhere));
        let renamed = issue(&home, 1, "Elsewhere", vec![]).unwrap();
        assert_ne!(renamed.replaces(&first), first.replaces(&renamed));
    }

    #[test]
    fn a_typed_name_is_made_to_fit() {
        for (typed, expected) in [
            ("  Familie Groß\n", "Familie Groß"),
            ("a\u{202e}gpj\u{7}", "agpj"),
            (&format!("{} b", "a".repeat(99)), &"a".repeat(99)),
        ] {
            assert_eq!(clean_name(typed), expected);
            assert_eq!(clean_name(expected), expected);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn encoding_comes_back(number: u64, name in ".{0,120}", names in prop::collection::vec(".{0,20}", 0..5)) {
            let people = (0..).zip(&names).map(|(seed, name)| person(seed, &clean_name(name))).collect();
            let card = issue(&Home::new(1), number, &clean_name(&name), people).unwrap();
            prop_assert_eq!(card.name(), clean_name(&name));
            prop_assert_eq!(Card::decode(card.as_bytes()).unwrap(), card);
        }

        #[test]
        fn any_flipped_bit_is_noticed(place in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let mut bytes = issue(&Home::new(1), 3, "Home", vec![person(1, "Anna")]).unwrap().encode();
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            prop_assert!(Card::decode(&bytes).is_err());
        }

        #[test]
        fn arbitrary_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..400), fit: bool) {
            let mut bytes = bytes;
            if fit && bytes.len() > 2 { bytes[..2].copy_from_slice(&[VERSION, ED25519]); }
            prop_assert!(Card::decode(&bytes).is_err());
        }
    }
}
