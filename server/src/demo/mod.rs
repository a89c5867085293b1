//! The demo shop: a small merchant's site, written as a merchant would write it. It knows the
//! wire and nothing else of this program: three ways to buy, and the callbacks that decide.

mod api;
mod callbacks;
mod orders;
mod pages;
mod till;

#[cfg(test)]
mod tests;

use anyhow::Context as _;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use orders::Orders;
use standardwebhooks::Webhook;
use std::fmt;
use std::sync::Arc;
use tokio::net::TcpListener;

/// What the shop has to know.
#[derive(Clone)]
pub struct ShopConfig {
    /// Base of the JSON API, as the shop's own server reaches it.
    pub till_url: String,
    /// The origin from which the page loads `till.js`.
    pub widget_origin: String,
    /// Where the shop itself is reached by browsers.
    pub public_url: String,
    /// The project's publishable key, for the page.
    pub pk: String,
    /// The project's secret key (`sk_...`).
    pub secret_key: String,
    /// The project's signing secret (`whsec_...`).
    pub signing_secret: String,
    /// Where the sandbox is, if there is one: the page then lists test cards.
    pub sandbox_url: Option<String>,
}

impl fmt::Debug for ShopConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShopConfig")
            .field("till_url", &self.till_url)
            .field("widget_origin", &self.widget_origin)
            .field("public_url", &self.public_url)
            .field("pk", &self.pk)
            .field("secret_key", &"[redacted]")
            .field("signing_secret", &"[redacted]")
            .field("sandbox_url", &self.sandbox_url)
            .finish()
    }
}

/// What the handlers share.
struct Shop {
    pk: String,
    widget_origin: String,
    sandbox_url: Option<String>,
    orders: Orders,
    till: till::Client,
    webhook: Webhook,
}

/// Serves the shop until `shutdown` comes about.
///
/// # Errors
/// When the configuration can't be used (a URL, the signing secret) or the listener fails.
pub async fn serve(
    listener: TcpListener,
    config: ShopConfig,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let app = router(config)?;
    axum::serve(listener, app)
        .with_graceful_shutdown(shutdown)
        .await
        .context("the demo shop's listener")
}

fn router(config: ShopConfig) -> anyhow::Result<Router> {
    let secret = config
        .signing_secret
        .strip_prefix("whsec_")
        .context("the signing secret must start with whsec_")?;
    anyhow::ensure!(!secret.is_empty(), "the signing secret is empty");
    let shop = Shop {
        // Goes into the content security policy, so nothing but an origin will do.
        widget_origin: origin(&config.widget_origin).context("widget_origin")?,
        sandbox_url: config
            .sandbox_url
            .as_deref()
            .map(base)
            .transpose()
            .context("sandbox_url")?,
        orders: Orders::default(),
        till: till::Client::new(
            &base(&config.till_url).context("till_url")?,
            &base(&config.public_url).context("public_url")?,
            config.secret_key,
        )?,
        webhook: Webhook::new(secret).context("the signing secret")?,
        pk: config.pk,
    };
    Ok(Router::new()
        .route("/", get(pages::home))
        .route("/thanks", get(pages::thanks))
        .route("/orders", get(pages::orders).post(api::create))
        .route("/orders/link", post(api::create_link))
        .route("/orders.json", get(api::list))
        .route("/callbacks", post(callbacks::receive))
        .route("/check", post(callbacks::receive))
        .route("/shop.js", get(pages::script))
        .route("/shop.css", get(pages::style))
        .fallback(pages::not_found)
        .layer(DefaultBodyLimit::max(256 * 1024))
        .with_state(Arc::new(shop)))
}

fn web_url(text: &str) -> anyhow::Result<url::Url> {
    let url = url::Url::parse(text)?;
    anyhow::ensure!(
        matches!(url.scheme(), "http" | "https"),
        "must be an http or https URL"
    );
    Ok(url)
}

/// The origin of a URL, as browsers write it.
fn origin(text: &str) -> anyhow::Result<String> {
    Ok(web_url(text)?.origin().ascii_serialization())
}

/// A URL to append paths to.
fn base(text: &str) -> anyhow::Result<String> {
    Ok(web_url(text)?.as_str().trim_end_matches('/').to_owned())
}
