//! `till sandbox`.

use super::serve::listen;
use std::net::SocketAddr;
use std::path::PathBuf;
use till_server::sandbox;
use tokio_util::sync::CancellationToken;

/// Flags of `till sandbox`.
#[derive(clap::Args)]
pub struct Args {
    /// The address to listen on
    #[arg(long, env = "TILL_SANDBOX_LISTEN", default_value = "127.0.0.1:8788")]
    listen: SocketAddr,

    /// The URL at which buyers and servers reach the sandbox; `http://` and the address if absent
    #[arg(long, env = "TILL_SANDBOX_PUBLIC_URL")]
    public_url: Option<url::Url>,

    /// The SQLite file of its ledger
    #[arg(long, env = "TILL_SANDBOX_DB", default_value = "till-sandbox.db")]
    db: PathBuf,
}

/// Runs the sandbox until `stop` is cancelled.
pub async fn run(args: Args, stop: CancellationToken) -> anyhow::Result<()> {
    let listener = listen(args.listen).await?;
    let address = listener.local_addr()?;
    let url = match args.public_url {
        Some(url) => url.to_string(),
        None => format!("http://{address}"),
    };
    println!("listening on http://{address}");
    sandbox::serve(listener, &args.db, url, stop.cancelled_owned()).await
}
