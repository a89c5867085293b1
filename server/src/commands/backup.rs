//! `till backup`.

use std::path::PathBuf;
use till_server::config::Config;
use till_server::store::backup;

/// Arguments of `till backup`.
#[derive(clap::Args)]
pub struct Args {
    /// The file to write; it must not exist yet
    to: PathBuf,

    #[command(flatten)]
    config: Config,
}

/// Copies the database and prints the path of the copy.
pub async fn run(args: Args) -> anyhow::Result<()> {
    backup::backup(&args.config.with_files()?.database_url, &args.to).await?;
    println!("{}", args.to.display());
    Ok(())
}
