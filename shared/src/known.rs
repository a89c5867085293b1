//! Reading values from a newer server. A value that this version does not know is read as the most
//! general one of its type, and left out of a list. The status of an invoice has no general value: the
//! widget never shows a state that it does not know.

use serde::{Deserialize, Deserializer};
use std::str::FromStr;

/// A value, or `None` if it is not known.
pub struct Known<T>(pub Option<T>);

impl<'de, T: FromStr> Deserialize<'de> for Known<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(String::deserialize(deserializer)?.parse().ok()))
    }
}

/// Reads a value, or as the general one if it is not known.
pub fn or<'de, T, D>(deserializer: D, general: T) -> Result<T, D::Error>
where
    T: FromStr,
    D: Deserializer<'de>,
{
    let Known(known) = Known::deserialize(deserializer)?;
    Ok(known.unwrap_or(general))
}

/// Reads the known values of a list.
pub fn list<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: FromStr,
    D: Deserializer<'de>,
{
    let all = Vec::<Known<T>>::deserialize(deserializer)?;
    Ok(all.into_iter().filter_map(|Known(value)| value).collect())
}
