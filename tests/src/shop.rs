//! A merchant's page of the plainest kind: an HTML text on an origin of its own.

use anyhow::Result;
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use tokio::net::TcpListener;

/// Serves a page and gives its origin. `TILL` in the text stands for the server.
pub async fn serve(page: &str, till: &str) -> Result<String> {
    let page = page.replace("TILL", till);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let router = Router::new().fallback(get(move || async move { Html(page) }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(origin)
}
