//! The types of the widget API: requests and responses between the widget and the server.

use crate::buyer::{Buyer, BuyerField};
pub use crate::card_data::CardData;
use crate::card_data::CardEncryptionKey;
use crate::id::InvoiceId;
use crate::invoice::{InvoiceStatus, Item};
use crate::known::{self, Known};
#[cfg(feature = "openapi")]
use crate::money::Currency;
use crate::payment::{Method, Payment};
use serde::{Deserialize, Deserializer, Serialize};
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

/// How a card reaches the payment system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CardEntry {
    /// The buyer enters it on the payment system's own page. This server receives no card data.
    Hosted,
    /// The buyer enters it in our payment form, and it passes through this server.
    Direct,
}

impl CardEntry {
    /// Every variant, in the order of definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The value on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A payment method that the buyer can choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MethodInfo<M = Method, E = CardEntry> {
    /// The payment method.
    pub method: M,
    /// The fields that the method requires in the payment fixation. For a card that is entered in our
    /// payment form: `number`, `exp_month` and so on.
    pub fields: Vec<String>,
    /// For the method `card`: where the buyer enters it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card_entry: Option<E>,
}

/// The known payment methods. A card that is entered in an unknown way is not one.
fn methods<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<MethodInfo>, D::Error> {
    type Read = MethodInfo<Known<Method>, Known<CardEntry>>;
    let all = Vec::<Read>::deserialize(deserializer)?;
    let known = all.into_iter().filter_map(|info| {
        Some(MethodInfo {
            method: info.method.0?,
            fields: info.fields,
            card_entry: match info.card_entry {
                Some(entry) => Some(entry.0?),
                None => None,
            },
        })
    });
    Ok(known.collect())
}

/// An unknown theme is the browser's.
fn theme<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Theme, D::Error> {
    known::or(deserializer, Theme::Auto)
}

/// Billing data: everything that the widget shows.
// The widget reads the two parts one after the other: a flattened type takes 8 KB of WebAssembly to
// read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BillingData {
    /// The invoice.
    pub invoice: InvoiceId,
    /// The project's order number.
    pub order_id: String,
    /// What the widget shows and does not change.
    #[serde(flatten)]
    pub bill: Bill,
    /// The state of the invoice.
    #[serde(flatten)]
    pub state: WidgetState,
    /// The key to which the widget encrypts a card. Absent where no card is entered in our payment form.
    /// It changes every day and is accepted for at least a day more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card_encryption_key: Option<CardEncryptionKey>,
}

/// A line of the bill: an item, or the difference between the items and the amount.
#[cfg(feature = "openapi")]
#[derive(utoipa::ToSchema)]
pub struct BillLine {
    /// The name of the item, or of the difference in the language of the bill.
    pub name: String,
    /// The quantity.
    pub quantity: u32,
    /// The unit price, in minor units. Below zero for a discount.
    pub amount: i64,
}

/// The part of the billing data that the widget shows and that does not change while it is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Bill {
    /// The project.
    pub project: ProjectInfo,
    /// The amount, in minor units.
    #[cfg_attr(
        feature = "openapi",
        schema(minimum = 1, maximum = 999_999_999_999_i64)
    )]
    pub amount: i64,
    /// The currency, ISO 4217.
    #[cfg_attr(feature = "openapi", schema(value_type = Currency))]
    pub currency: String,
    /// The number of decimals of the currency.
    #[cfg_attr(feature = "openapi", schema(maximum = 4))]
    pub exponent: u32,
    /// The description shown to the buyer.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub description: Option<String>,
    /// The line items, and what they lack or exceed the amount by.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<BillLine>))]
    pub items: Vec<Item>,
    /// The buyer fields that the widget has to ask for.
    #[serde(deserialize_with = "known::list")]
    pub missing: Vec<BuyerField>,
    /// The available payment methods.
    #[serde(deserialize_with = "methods")]
    pub methods: Vec<MethodInfo>,
    /// The project's color theme.
    #[serde(deserialize_with = "theme")]
    pub theme: Theme,
    /// The project's accent color, `#rrggbb`.
    #[cfg_attr(feature = "openapi", schema(required, pattern = "^#[0-9a-fA-F]{6}$"))]
    pub accent: Option<String>,
    /// The language set by the order or the project, a BCP 47 tag.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub locale: Option<String>,
    /// When the invoice expires, RFC 3339 UTC.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub expires_at: String,
    /// Whether the project is in test mode.
    pub test: bool,
}

impl Bill {
    /// Returns whether the buyer enters a card on the payment system's page.
    pub fn hosts_card(&self) -> bool {
        let hosted = Some(CardEntry::Hosted);
        self.methods.iter().any(|info| info.card_entry == hosted)
    }
}

/// The state of an invoice: the body of every live event.
// The widget reads `ShownPayment`, a part of the payment that the server sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WidgetState<P = Payment> {
    /// The status of the invoice.
    pub status: InvoiceStatus,
    /// The latest payment, if there is one, without its card.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub payment: Option<P>,
    /// The verification that the payment requires.
    pub verification: Verification,
    /// Where to send the buyer after the payment, if the project set a URL.
    #[cfg_attr(feature = "openapi", schema(required, format = "uri"))]
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
    /// The card, for the method `card` where the buyer enters it in our payment form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardData>,
    /// The buyer's browser, for 3-D Secure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser: Option<BrowserInfo>,
    /// The token of a solved captcha, after `captcha-required`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captcha_token: Option<String>,
}

/// The buyer's browser, as 3-D Secure needs it (EMV 3-D Secure, "Browser Data").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BrowserInfo {
    /// `navigator.userAgent`.
    #[cfg_attr(
        feature = "openapi",
        schema(
            min_length = 1,
            max_length = 2048,
            pattern = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
        )
    )]
    pub user_agent: String,
    /// `navigator.language`, a BCP 47 tag.
    #[cfg_attr(feature = "openapi", schema(max_length = 35, pattern = "^[!-~]+$"))]
    pub language: String,
    /// `screen.colorDepth`, in bits.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 64))]
    pub color_depth: u32,
    /// `screen.width`, in CSS pixels.
    #[cfg_attr(feature = "openapi", schema(maximum = 999999))]
    pub screen_width: u32,
    /// `screen.height`, in CSS pixels.
    #[cfg_attr(feature = "openapi", schema(maximum = 999999))]
    pub screen_height: u32,
    /// `new Date().getTimezoneOffset()`: UTC minus local time, in minutes.
    #[cfg_attr(feature = "openapi", schema(minimum = -1440, maximum = 1440))]
    pub time_zone_offset: i32,
    /// `navigator.javaEnabled()`.
    pub java_enabled: bool,
}

impl fmt::Debug for FixPayment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixPayment")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// What the buyer has to do before the payment can proceed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
// `tag` describes the format; a plain type with that format takes less WebAssembly to read.
#[serde(tag = "kind", rename_all = "snake_case")]
#[serde(from = "VerificationFields", into = "VerificationFields")]
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

/// The fields of [`Verification`] in JSON.
#[derive(Serialize, Deserialize)]
struct VerificationFields {
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl From<VerificationFields> for Verification {
    fn from(fields: VerificationFields) -> Self {
        match (fields.kind.as_str(), fields.url) {
            ("redirect", Some(url)) => Self::Redirect { url },
            ("frame", Some(url)) => Self::Frame { url },
            _ => Self::None,
        }
    }
}

impl From<Verification> for VerificationFields {
    fn from(verification: Verification) -> Self {
        let (kind, url) = match verification {
            Verification::None => ("none", None),
            Verification::Redirect { url } => ("redirect", Some(url)),
            Verification::Frame { url } => ("frame", Some(url)),
        };
        Self {
            kind: kind.to_owned(),
            url,
        }
    }
}

/// The response to payment fixation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FixedPayment<P = Payment> {
    /// The payment.
    pub payment: P,
    /// What the buyer has to do next.
    pub verification: Verification,
}
