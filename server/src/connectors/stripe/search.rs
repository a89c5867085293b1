//! The search for a payment whose creation was not answered.

use super::api::Api;
use super::model::{Intent, Session};
use crate::connectors::error::{CallError, Cause};
use crate::connectors::metadata;
use crate::connectors::types::PaymentRef;
use serde::de::DeserializeOwned;
use serde_json::Value;
use till_shared::id::PaymentId;

/// The largest difference between our clock and Stripe's, including the duration of a call, in
/// seconds.
const CLOCK_SKEW: i64 = 300;
/// How many pages of a hundred are searched for a lost payment.
const MAX_PAGES: usize = 50;

/// An object in one of the lists that are searched for a lost payment.
pub trait Listed: DeserializeOwned {
    /// The list's path.
    const LIST: &'static str;
    /// Stripe's id.
    fn id(&self) -> &str;
    /// The metadata, with our id.
    fn metadata(&self) -> &Value;
}

impl Listed for Intent {
    const LIST: &'static str = "payment_intents";

    fn id(&self) -> &str {
        &self.id
    }

    fn metadata(&self) -> &Value {
        &self.metadata
    }
}

impl Listed for Session {
    const LIST: &'static str = "checkout/sessions";

    fn id(&self) -> &str {
        &self.id
    }

    fn metadata(&self) -> &Value {
        &self.metadata
    }
}

/// Searches a list for the object of our payment.
///
/// # Errors
/// When the list cannot be read to the end.
pub async fn find<T: Listed>(
    api: &Api<'_>,
    payment: &PaymentRef<'_>,
) -> Result<Option<T>, CallError> {
    let created = payment.created_at.div_euclid(1000);
    let span = (created - CLOCK_SKEW, created + CLOCK_SKEW);
    let mut last = None;
    for _ in 0..MAX_PAGES {
        let page = api.list::<T>(T::LIST, span, last.as_deref()).await?;
        let page = page.ok_or(CallError::Unknown(Cause::Missing))?;
        last = page.data.last().map(|object| object.id().to_owned());
        let is_ours = |object: &T| {
            metadata::id::<PaymentId>(object.metadata(), metadata::PAYMENT).as_ref()
                == Some(payment.id)
        };
        if let Some(found) = page.data.into_iter().find(is_ours) {
            return Ok(Some(found));
        }
        if last.is_none() || !page.has_more {
            return Ok(None);
        }
    }
    Err(CallError::Unknown(Cause::TooManyPages))
}
