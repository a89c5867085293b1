//! What is known of the buyer's client from the connection and the headers.

use super::client_address::client_address;
use crate::app::App;
use crate::flow::payments::ClientInfo;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use url::Url;

/// The longest header that is passed on, in characters. EMV 3-D Secure cuts longer ones off
/// ("Browser Accept Headers", "Browser User-Agent").
const MOST_CHARACTERS: usize = 2048;

/// The buyer's client. The widget runs on this server's pages, so their origin is this server's.
pub struct BuyerClient(pub ClientInfo);

impl FromRequestParts<Arc<App>> for BuyerClient {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let headers = &parts.headers;
        let own = Url::parse(&app.base_url).ok();
        Ok(Self(ClientInfo {
            ip: address(parts, app),
            user_agent: text(headers, header::USER_AGENT),
            accept: text(headers, header::ACCEPT),
            origin: own.map(|url| url.origin().ascii_serialization()),
            browser: None,
        }))
    }
}

/// The address of a client.
pub fn address(parts: &Parts, app: &App) -> Option<IpAddr> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    client_address(peer.0.ip(), &parts.headers, &app.config.trusted_proxies)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    let text: String = text.chars().take(MOST_CHARACTERS).collect();
    Some(text).filter(|text| !text.is_empty())
}
