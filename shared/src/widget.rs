//! The types of the widget API: requests and responses between the widget and the server.

use crate::buyer::{Buyer, BuyerField};
use crate::id::InvoiceId;
use crate::invoice::{InvoiceStatus, Item};
use crate::money::Currency;
use crate::payment::{Method, Payment};
use serde::{Deserialize, Serialize};
use std::fmt;
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// The widget's color theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Theme {
    /// Follows the browser's preference.
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// Every variant, in the order of definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The value on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// How a page opens the widget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "Mode"))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum OpenMode {
    /// In a dialog on the page.
    Iframe,
    /// In a separate window.
    Popup,
}

impl OpenMode {
    /// Every variant, in the order of definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The value on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The project, as the widget shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProjectInfo {
    /// The project's name.
    pub name: String,
    /// The URL of the project's logo, https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo_url: Option<String>,
}

/// A payment method that the buyer can choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MethodInfo {
    /// The payment method.
    pub method: Method,
    /// The fields that the method requires in [`FixPayment`]; for a card `number`, `exp_month` and so
    /// on.
    pub fields: Vec<String>,
}

/// Billing data: everything that the widget shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BillingData {
    /// The invoice.
    pub invoice: InvoiceId,
    /// The project.
    pub project: ProjectInfo,
    /// The project's order number.
    pub order_id: String,
    /// The amount, in minor units.
    pub amount: i64,
    /// The currency, ISO 4217.
    pub currency: Currency,
    /// The number of decimals of the currency.
    pub exponent: u32,
    /// The description shown to the buyer.
    pub description: Option<String>,
    /// The line items.
    pub items: Vec<Item>,
    /// The buyer fields that the widget has to ask for.
    pub missing: Vec<BuyerField>,
    /// The available payment methods.
    pub methods: Vec<MethodInfo>,
    /// The project's color theme.
    pub theme: Theme,
    /// The project's accent color, `#rrggbb`.
    pub accent: Option<String>,
    /// The language set by the order or the project, a BCP 47 tag.
    pub locale: Option<String>,
    /// The state of the invoice.
    #[serde(flatten)]
    pub state: WidgetState,
    /// When the invoice expires, RFC 3339 UTC.
    pub expires_at: String,
    /// Whether the project is in test mode.
    pub test: bool,
}

/// The state of an invoice: the body of every live event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WidgetState {
    /// The status of the invoice.
    pub status: InvoiceStatus,
    /// The latest payment, if there is one.
    pub payment: Option<Payment>,
    /// The verification that the payment requires.
    pub verification: Verification,
    /// Where to send the buyer after the payment, if the project set a URL.
    pub continue_url: Option<String>,
}

/// The request of payment fixation, sent when the buyer presses Pay.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FixPayment {
    /// The payment method.
    pub method: Method,
    /// The missing buyer fields.
    #[serde(default)]
    pub buyer: Buyer,
    /// The card, for the method `card`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardData>,
}

impl fmt::Debug for FixPayment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixPayment")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// The card as the buyer entered it. Its `Debug` output is redacted to keep it out of logs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CardData {
    /// The card number, digits only.
    pub number: String,
    /// The expiry month, 1 to 12.
    pub exp_month: u8,
    /// The expiry year, two or four digits.
    pub exp_year: u16,
    /// The security code.
    pub cvc: String,
    /// The name on the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
}

impl fmt::Debug for CardData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CardData(redacted)")
    }
}

/// What the buyer has to do before the payment can proceed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Verification {
    /// Nothing.
    #[default]
    None,
    /// Open this page in a window: it cannot be shown in a frame.
    Redirect {
        /// The URL of the verification form.
        url: String,
    },
    /// Open this page in a frame.
    Frame {
        /// The URL of the verification form.
        url: String,
    },
}

/// The response to payment fixation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FixedPayment {
    /// The payment.
    pub payment: Payment,
    /// What the buyer has to do next.
    pub verification: Verification,
}
