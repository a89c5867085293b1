//! `till demo`: server, sandbox and a demo shop on this machine.

use super::common::{actor, cli_error};
use super::project::sandbox_account;
use super::serve::listen;
use anyhow::Context;
use clap::Parser;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use till_server::app::App;
use till_server::config::{Config, EncryptionKeys, TlsFiles};
use till_server::demo::{self, ShopConfig};
use till_server::flow::projects::create_project;
use till_server::sandbox::Sandbox;
use till_server::serve::serve;
use till_server::store::projects::{AttemptLimits, Settings, WidgetSettings};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Where `trunk serve` listens, and where it expects the server; see Trunk.toml.
const TRUNK: &str = "http://127.0.0.1:8080";
const SERVER_PORT: u16 = 8787;

/// Flags of `till demo`.
#[derive(clap::Args)]
pub struct Args {
    /// Show the widget that a running `trunk serve` builds, instead of the built-in widget
    #[arg(long)]
    live: bool,

    /// The directory of the databases, which are empty at every start
    #[arg(long, default_value = ".till/demo")]
    data: PathBuf,
}

/// The defaults of `till serve`.
#[derive(Parser)]
struct ServerDefaults {
    #[command(flatten)]
    config: Config,
}

/// Runs sandbox, server and shop until `stop` is cancelled.
pub async fn run(args: Args, stop: CancellationToken) -> anyhow::Result<()> {
    let data = std::path::absolute(&args.data)?;
    empty(&data).with_context(|| format!("can't prepare {}", data.display()))?;

    let sandbox_listener = any_port().await?;
    let sandbox = Sandbox::start(sandbox_listener, &data.join("sandbox.db")).await?;
    let shop_listener = any_port().await?;
    let shop_url = format!("http://{}", shop_listener.local_addr()?);

    let (listener, config) = server(&args, &data, &sandbox.url).await?;
    let app = App::new(config).await?;
    let settings = Settings {
        name: "The Little Print Shop".into(),
        allowed_origins: vec![shop_url.clone()],
        check_url: Some(format!("{shop_url}/check")),
        notify_url: Some(format!("{shop_url}/callbacks")),
        notify_events: vec![],
        success_url: Some(format!("{shop_url}/thanks")),
        required_buyer_fields: vec![till_shared::buyer::BuyerField::Email],
        test: true,
        failure_url: None,
        invoice_ttl_seconds: 3600,
        widget: WidgetSettings::default(),
        attempt_limits: AttemptLimits::default(),
    };
    let account = sandbox_account(&sandbox.url).await?;
    let created = create_project(&app, &actor(), settings, vec![account], None).await;
    let project = created.map_err(cli_error)?;
    let shop = ShopConfig {
        till_url: format!("http://{}", app.config.listen),
        widget_origin: app.base_url.clone(),
        public_url: shop_url.clone(),
        pk: project.project.pk,
        secret_key: project.sk.into(),
        signing_secret: project.signing_secret.into(),
        sandbox_url: Some(sandbox.url.clone()),
    };
    let shop = tokio::spawn(demo::serve(
        shop_listener,
        shop,
        stop.clone().cancelled_owned(),
    ));
    let shutdown = app.shutdown.clone();
    tokio::spawn(async move {
        stop.cancelled().await;
        shutdown.cancel();
    });
    println!();
    println!("  Open {shop_url}");
    println!();
    println!("  server  {}", app.base_url);
    println!("  sandbox {}/sandbox   (test cards)", sandbox.url);
    println!("  data    {}", data.display());
    if args.live {
        println!("  widget  from `trunk serve`; start it in another terminal");
    }
    println!("  Press Ctrl-C to stop.");
    serve(app, listener, None, None).await?;
    shop.await.context("the demo shop")??;
    sandbox.stop().await
}

async fn any_port() -> anyhow::Result<TcpListener> {
    listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
}

async fn server(args: &Args, data: &Path, sandbox: &str) -> anyhow::Result<(TcpListener, Config)> {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, SERVER_PORT));
    let listener = match listen(usual).await {
        Ok(listener) => listener,
        Err(error) if args.live => {
            return Err(error.context("`trunk serve` needs the server at this address"));
        }
        Err(_) => any_port().await?,
    };
    // The demo ignores the environment's settings.
    let defaults = ServerDefaults::try_parse_from(["till"])?;
    let config = Config {
        listen: listener.local_addr()?,
        public_url: args.live.then(|| TRUNK.parse()).transpose()?,
        database_url: format!("sqlite:{}", data.join("till.db").display()),
        database_url_file: None,
        database_listen_url: None,
        database_listen_url_file: None,
        encryption: EncryptionKeys::default(),
        tls: TlsFiles::default(),
        operator_token: None,
        operator_token_file: None,
        operator_listen: None,
        captcha_url: None,
        trusted_proxies: vec![],
        dev: true,
        live_widget: args.live,
        sandbox_url: Some(sandbox.parse()?),
        ..defaults.config
    };
    Ok((listener, config))
}

/// Removes the databases of an earlier demo, and no other file of the directory.
fn empty(data: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(data)?;
    for name in ["till.db", "sandbox.db"] {
        for ending in ["", "-wal", "-shm", ".key"] {
            match std::fs::remove_file(data.join(format!("{name}{ending}"))) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}
