//! `till migrate`.

use till_server::store;

/// Flags of `till migrate`.
#[derive(clap::Args)]
pub struct Args {
    /// The database: `sqlite:FILE`, or `postgres://...`
    #[arg(
        long,
        env = "DATABASE_URL",
        default_value = "sqlite:till.db",
        hide_env_values = true
    )]
    database_url: String,
}

/// Brings the database's schema up to date.
pub async fn run(args: Args) -> anyhow::Result<()> {
    Ok(store::migrate(&args.database_url).await?)
}
