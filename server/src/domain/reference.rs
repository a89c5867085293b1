//! A payment system's ids of payments.

use strum::{Display, EnumString, IntoStaticStr};

/// A payment system's id of a payment, and what it is the id of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The id.
    pub id: String,
    /// What it is the id of.
    pub object: ReferenceObject,
}

impl Reference {
    /// The id of a payment.
    pub fn payment(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            object: ReferenceObject::Payment,
        }
    }

    /// The id of a page.
    pub fn page(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            object: ReferenceObject::Page,
        }
    }
}

/// What a [`Reference`] is the id of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ReferenceObject {
    /// The payment itself, which refunds need.
    Payment,
    /// The page on which the buyer pays: a link, a session, an order that is not captured.
    Page,
}
