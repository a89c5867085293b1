//! Captchas: a test that programs fail, by a provider that checks the token of a solution.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// The kind of a captcha: its script's interface, and how its provider checks a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CaptchaKind {
    /// Cloudflare Turnstile.
    Turnstile,
    /// hCaptcha.
    Hcaptcha,
    /// Friendly Captcha, version 2.
    FriendlyCaptcha,
}

impl CaptchaKind {
    /// Every variant, in the order of definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The value on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether the provider's script is a module.
    pub fn has_module(self) -> bool {
        self == Self::FriendlyCaptcha
    }
}

/// The captcha that a payment fixation has to come with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Captcha {
    /// The kind.
    pub kind: CaptchaKind,
    /// The public key of the project's site at the provider.
    pub site_key: String,
    /// The URL of the provider's script.
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    pub script_url: String,
    /// The URL of Till's page that shows the captcha. In a frame of the payment page, it posts the token to
    /// that page.
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    pub page_url: String,
}
