//! The month in which an asset was added: says which document holds its marks, and never changes.

use std::{fmt, str::FromStr};

use heirloom_identity::DocumentName;
use thiserror::Error;

/// A text or number that isn't a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a month is written yyyy-mm, from 0001-01 to 9999-12")]
pub struct MonthError;

/// What the names of mark documents begin with.
const PREFIX: &str = "marks/";

/// A month of the years 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(u32);

impl Month {
    /// A month of a year, counted from 1.
    ///
    /// # Errors
    /// [`MonthError`] outside of years 1 to 9999 and months 1 to 12.
    pub fn new(year: u32, month: u32) -> Result<Self, MonthError> {
        if (1..=9999).contains(&year) && (1..=12).contains(&month) {
            Ok(Self(year * 100 + month))
        } else {
            Err(MonthError)
        }
    }

    /// The month that a yyyymm number such as 202607 means.
    ///
    /// # Errors
    /// [`MonthError`] when it means none.
    pub fn from_number(number: i32) -> Result<Self, MonthError> {
        let number = u32::try_from(number).map_err(|_| MonthError)?;
        Self::new(number / 100, number % 100)
    }

    /// The yyyymm number, such as 202607.
    pub fn number(self) -> i32 {
        i32::try_from(self.0).expect("yyyymm is at most 999912")
    }

    /// The document that holds the marks of the assets added in this month.
    pub(crate) fn document(self) -> DocumentName {
        format!("{PREFIX}{self}").parse().expect("digits and a hyphen are good in a name")
    }

    /// The month whose marks the named document holds, or `None` when it holds something else.
    pub(crate) fn of_document(name: &str) -> Option<Self> {
        name.strip_prefix(PREFIX)?.parse().ok()
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0 / 100, self.0 % 100)
    }
}

impl FromStr for Month {
    type Err = MonthError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (year, month) = text.split_once('-').ok_or(MonthError)?;
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if year.len() != 4 || month.len() != 2 || !digits(year) || !digits(month) {
            return Err(MonthError);
        }
        Self::new(year.parse().map_err(|_| MonthError)?, month.parse().map_err(|_| MonthError)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<i32>) {
        assert_eq!(text.parse::<Month>().ok().map(Month::number), expected, "{text}");
    }

    #[test]
    fn a_month_has_one_spelling() {
        check("2026-07", Some(202_607));
        check("0001-01", Some(101));
        check("2026-13", None);
        check("2026-7", None);
        check("+026-07", None);
        check("2026/07", None);
        assert_eq!(Month::from_number(202_600), Err(MonthError));
        assert_eq!(Month::of_document("marks/2026-07"), Month::from_number(202_607).ok());
        assert_eq!(Month::of_document("people"), None);
    }
}
