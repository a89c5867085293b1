//! `till migrate`.

use till_server::config::Config;
use till_server::store;

/// Flags of `till migrate`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: Config,
}

/// Brings the database's schema up to date.
pub async fn run(args: Args) -> anyhow::Result<()> {
    Ok(store::migrate(&args.config.with_files()?.database_url).await?)
}
