//! The little parsing of flags that the verbs need: `--name VALUE`, `--name=VALUE`, `--switch`, and words.

use anyhow::{Result, bail};

/// What stood behind a verb, taken apart piece by piece; [`Args::finish`] complains about what nobody took.
pub(crate) struct Args {
    rest: Vec<String>,
}

impl Args {
    /// Prints `help` and returns `None` when it was asked for.
    pub(crate) fn new(args: &[String], help: &str) -> Option<Self> {
        if args.iter().any(|arg| arg == "--help" || arg == "-h") {
            print!("{help}");
            return None;
        }
        Some(Self { rest: args.to_vec() })
    }

    /// Takes `--name`; true when it was there.
    pub(crate) fn switch(&mut self, name: &str) -> bool {
        let before = self.rest.len();
        self.rest.retain(|arg| arg != name);
        self.rest.len() != before
    }

    /// Takes `--name VALUE` or `--name=VALUE`.
    pub(crate) fn option(&mut self, name: &str) -> Result<Option<String>> {
        if let Some(at) = self.rest.iter().position(|arg| arg == name) {
            if at + 1 == self.rest.len() {
                bail!("{name} needs a value");
            }
            self.rest.remove(at);
            return Ok(Some(self.rest.remove(at)));
        }
        let prefix = format!("{name}=");
        let found = self.rest.iter().position(|arg| arg.starts_with(&prefix));
        Ok(found.map(|at| self.rest.remove(at)[prefix.len()..].to_owned()))
    }

    /// Takes the words that are left; a flag among them is a mistake.
    pub(crate) fn words(self) -> Result<Vec<String>> {
        match self.rest.iter().find(|arg| arg.starts_with('-')) {
            Some(flag) => bail!("{flag} is not known here; --help lists what is"),
            None => Ok(self.rest),
        }
    }

    /// Succeeds when everything was taken.
    pub(crate) fn finish(self) -> Result<()> {
        match self.rest.first() {
            Some(word) => bail!("{word:?} is not known here; --help lists what is"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: &str) -> Args {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Args::new(&words, "").unwrap()
    }

    #[test]
    fn takes_options_in_both_spellings() {
        for text in ["--home a --long", "--long --home=a"] {
            let mut args = args(text);
            assert_eq!(args.option("--home").unwrap().as_deref(), Some("a"));
            assert!(args.switch("--long"));
            args.finish().unwrap();
        }
    }

    #[test]
    fn refuses_what_nobody_asked_for() {
        assert!(args("--home").option("--home").is_err());
        assert!(args("--hoem a").finish().is_err());
        assert!(args("thumbnails --fast").words().is_err());
        assert_eq!(args("thumbnails ingest").words().unwrap().len(), 2);
    }
}
