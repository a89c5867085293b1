//! `till serve`.

use anyhow::Context;
use rlimit::Resource;
use std::net::SocketAddr;
use till_server::app::App;
use till_server::config::Config;
use till_server::http::Tls;
use till_server::serve::serve;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Runs the server until `stop` is cancelled.
pub async fn run(mut config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    // A core dump would have keys in it, and cards that buyers pay with at that moment.
    if let Err(error) = Resource::CORE.set(0, 0) {
        tracing::warn!(%error, "core dumps are not turned off");
    }
    let tls = Tls::new(&config)?;
    if let Some(tls) = &tls {
        tls.renew(stop.clone())?;
    }
    let listener = listen(config.listen).await?;
    // With port 0 the system chooses one.
    config.listen = listener.local_addr()?;
    let operator = match config.operator_listen {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    let app = App::new(config).await?;
    let scheme = app.config.scheme();
    if let Some(operator) = &operator {
        println!("operator's calls on {scheme}://{}", operator.local_addr()?);
    }
    // Scripts wait for this line: it comes last.
    println!("listening on {scheme}://{}", app.config.listen);
    let shutdown = app.shutdown.clone();
    tokio::spawn(async move {
        stop.cancelled().await;
        shutdown.cancel();
    });
    serve(app, listener, operator, tls).await
}

/// Listens on the address; an error names it.
pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("can't listen on {address}"))
}
