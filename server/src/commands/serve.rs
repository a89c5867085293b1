//! `till serve`.

use anyhow::Context;
use std::net::SocketAddr;
use till_server::app::App;
use till_server::config::Config;
use till_server::http;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Runs the server until `stop`.
pub async fn run(mut config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    let listener = listen(config.listen).await?;
    // Port 0 asks for any free one.
    config.listen = listener.local_addr()?;
    let app = App::new(config).await?;
    println!("listening on http://{}", app.config.listen);
    let shutdown = app.shutdown.clone();
    tokio::spawn(async move {
        stop.cancelled().await;
        shutdown.cancel();
    });
    http::serve(app, listener).await
}

/// Listens, or says which address could not be had.
pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("can't listen on {address}"))
}
