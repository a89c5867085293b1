//! `till backup`.

use std::path::PathBuf;
use till_server::store::backup;

/// What is copied, and where to.
#[derive(clap::Args)]
pub struct Args {
    /// The copy; nothing may be there yet
    to: PathBuf,

    /// The server's database, `sqlite:FILE`
    #[arg(
        long,
        env = "DATABASE_URL",
        default_value = "sqlite:till.db",
        hide_env_values = true
    )]
    database_url: String,
}

/// Makes the copy.
pub async fn run(args: Args) -> anyhow::Result<()> {
    backup::backup(&args.database_url, &args.to).await?;
    println!("{}", args.to.display());
    Ok(())
}
