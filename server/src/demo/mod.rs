//! The demo shop: a merchant's site that sells prints. It shows three ways to pay and updates its
//! orders from callbacks only. Like any merchant, it uses Till over HTTP.

mod api;
mod callbacks;
mod event;
mod orders;
mod pages;
mod shop;
mod till;
mod views;

#[cfg(test)]
mod tests;

use anyhow::Context as _;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use secrecy::ExposeSecret as _;
use standardwebhooks::Webhook;
use std::sync::Arc;
use tokio::net::TcpListener;
use url::Url;

use orders::Orders;
use shop::Shop;
pub use shop::ShopConfig;

/// Serves the shop until `shutdown` completes.
///
/// # Errors
/// When a URL or the signing secret of the configuration is invalid, or the listener fails.
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
        .expose_secret()
        .strip_prefix("whsec_")
        .context("the signing secret must start with whsec_")?;
    anyhow::ensure!(!secret.is_empty(), "the signing secret is empty");
    let shop = Shop {
        // The content security policy contains this value, so it must be an origin.
        widget_origin: origin(&config.widget_origin).context("widget_origin")?,
        sandbox_url: config
            .sandbox_url
            .as_deref()
            .map(base_url)
            .transpose()
            .context("sandbox_url")?,
        orders: Orders::default(),
        till: till::Client::new(
            &base_url(&config.till_url).context("till_url")?,
            &base_url(&config.public_url).context("public_url")?,
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

fn parse_url(text: &str) -> anyhow::Result<Url> {
    let url = Url::parse(text)?;
    anyhow::ensure!(
        matches!(url.scheme(), "http" | "https"),
        "must be an http or https URL"
    );
    Ok(url)
}

/// Returns a URL's origin, for example `https://till.example`.
fn origin(text: &str) -> anyhow::Result<String> {
    Ok(parse_url(text)?.origin().ascii_serialization())
}

/// Returns a URL without a trailing slash.
fn base_url(text: &str) -> anyhow::Result<String> {
    Ok(parse_url(text)?.as_str().trim_end_matches('/').to_owned())
}
