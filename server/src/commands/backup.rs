//! `till backup`.

use std::path::PathBuf;
use till_server::store::backup;

/// Arguments of `till backup`.
#[derive(clap::Args)]
pub struct Args {
    /// The file to write; it must not exist yet
    to: PathBuf,

    /// The database to copy, `sqlite:FILE`
    #[arg(
        long,
        env = "DATABASE_URL",
        default_value = "sqlite:till.db",
        hide_env_values = true
    )]
    database_url: String,
}

/// Copies the database and prints the path of the copy.
pub async fn run(args: Args) -> anyhow::Result<()> {
    backup::backup(&args.database_url, &args.to).await?;
    println!("{}", args.to.display());
    Ok(())
}
