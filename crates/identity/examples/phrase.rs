//! Founds a household, shows its recovery phrase, and finds the household again from the words alone:
//! `cargo run -p heirloom-identity --example phrase`. With words as arguments it says whether they are a phrase.

#![expect(clippy::print_stdout, reason = "an example talks to the person who runs it")]

use heirloom_identity::{Certificate, NodeKeys, Phrase, Root};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let typed: Vec<String> = std::env::args().skip(1).collect();
    if !typed.is_empty() {
        check(&typed.join(" "));
        return Ok(());
    }
    // A real household takes these bytes from the system's randomness.
    let root = Root::from_bytes([42; 32]);
    let node = NodeKeys::from_bytes(&std::array::from_fn(|n| if n < 32 { 1 } else { 2 }));
    let certificate =
        Certificate::issue(&root.authority(), 1, node.node(), node.signer().id(), 1_784_000_000_000)?;

    let phrase = Phrase::of(&root);
    for (index, word) in phrase.words().iter().enumerate() {
        println!("{:2}. {word}", index + 1);
    }
    println!("household {}", certificate.household());

    let found = Phrase::parse(&phrase.text())?;
    assert_eq!(found.root().authority().household(), *certificate.household());
    println!("the words alone give the same household again");
    Ok(())
}

fn check(words: &str) {
    match Phrase::parse(words) {
        Ok(phrase) => println!("the recovery phrase of household {}", phrase.root().authority().household()),
        Err(error) => println!("{error}"),
    }
}
