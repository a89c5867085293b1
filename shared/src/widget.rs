//! What the widget and the server say to each other.

use crate::buyer::{Buyer, BuyerField};
use crate::id::{InvoiceId, PaymentId};
use crate::invoice::{InvoiceStatus, Item};
use crate::money::Currency;
use crate::payment::{Method, Payment};
use serde::{Deserialize, Serialize};
use std::fmt;
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// The widget's colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Theme {
    /// As the browser asks for.
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

/// How a project's page opens the widget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum OpenMode {
    /// In a dialog over the page.
    Iframe,
    /// In a window of its own.
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

/// What the widget needs to know of the project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProjectInfo {
    /// Its name.
    pub name: String,
    /// Its logo, https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo_url: Option<String>,
}

/// A method the buyer may choose, with the fields it asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MethodInfo {
    /// Which.
    pub method: Method,
    /// Names of its fields in [`FixPayment`], for a card `number`, `exp_month` and so on.
    pub fields: Vec<String>,
}

/// Billing data: all that the widget shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BillingData {
    /// The invoice.
    pub invoice: InvoiceId,
    /// Who sells.
    pub project: ProjectInfo,
    /// The project's number for the order.
    pub order_id: String,
    /// Minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: Currency,
    /// How many decimals the currency has, so that the page needs no table of its own.
    pub exponent: u32,
    /// What the buyer reads.
    pub description: Option<String>,
    /// The order's lines.
    pub items: Vec<Item>,
    /// What has to be asked of the buyer before Pay.
    pub missing: Vec<BuyerField>,
    /// The ways to pay.
    pub methods: Vec<MethodInfo>,
    /// The project's choice of colours.
    pub theme: Theme,
    /// The project's accent colour, `#rrggbb`.
    pub accent: Option<String>,
    /// A BCP 47 language tag, if the order or the project names one.
    pub locale: Option<String>,
    /// Where the invoice stands, and its payment if there is one to show.
    #[serde(flatten)]
    pub state: WidgetState,
    /// RFC 3339 UTC.
    pub expires_at: String,
    /// Whether no real money moves.
    pub test: bool,
}

/// What changes while the widget is open: the body of every live event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WidgetState {
    /// Where the invoice stands.
    pub status: InvoiceStatus,
    /// The newest payment, if there is one.
    pub payment: Option<Payment>,
    /// What the buyer has to do for that payment.
    pub verification: Verification,
    /// Where the buyer goes on to once it is over, if the project says so.
    pub continue_url: Option<String>,
}

/// Payment fixation: the buyer pressed Pay.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FixPayment {
    /// The way to pay.
    pub method: Method,
    /// The missing buyer fields.
    #[serde(default)]
    pub buyer: Buyer,
    /// The card, where the method is one.
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

/// A card as the buyer typed it. Its `Debug` tells nothing, so that no log can.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CardData {
    /// Digits only.
    pub number: String,
    /// 1 to 12.
    pub exp_month: u8,
    /// Two digits or four.
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

/// What the buyer has to do before the payment goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Verification {
    /// Nothing.
    #[default]
    None,
    /// Go to this page, which refuses to be framed.
    Redirect {
        /// The verification form.
        url: String,
    },
    /// Confirm on this page, which may be shown in a frame.
    Frame {
        /// The verification form.
        url: String,
    },
}

/// The answer to payment fixation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FixedPayment {
    /// The payment as it stands now.
    pub payment: Payment,
    /// What the buyer has to do.
    pub verification: Verification,
}

/// What the return page tells the widget around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Returned {
    /// The payment whose verification is over, one way or the other.
    pub payment: PaymentId,
}
