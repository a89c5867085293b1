//! The memory of open connections and of streams of live events, and the processor time of silent ones.

use super::usage::{memory, processor};
use anyhow::{Context, Result};
use futures::StreamExt;
use futures::stream;
use std::time::Duration;
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::events::Events;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

const CONNECTIONS: usize = 2000;
const STREAMS: usize = 10_000;
/// The streams of one invoice.
const OF_INVOICE: usize = 4;
/// After how long the memory of open connections and of closed ones is measured: the allocator returns what
/// it does not need after 10 seconds.
const SETTLED: Duration = Duration::from_secs(15);
/// How long silent streams are watched.
const SILENCE: Duration = Duration::from_secs(20);

/// Measures connections and streams, and prints the result.
pub async fn measure(database: &str) -> Result<()> {
    let setup = Setup {
        settings: &[
            "--max-client-connections",
            "100000",
            "--max-connections",
            "15000",
            "--max-watchers",
            "15000",
        ],
        log_filter: Some("info"),
        ..Setup::default()
    };
    let app = TestApp::set_up(setup).await?;
    let process = app.process_id().context("no server")?;
    let kilobytes = |more: u64, count: usize| more as f64 / count as f64;

    let idle = memory(process)?;
    let address = app.api.url.trim_start_matches("http://").to_owned();
    let connections: Vec<_> = stream::iter(0..CONNECTIONS)
        .map(|_| ask(&address))
        .buffer_unordered(64)
        .collect()
        .await;
    let peak = memory(process)?;
    sleep(SETTLED).await;
    let open = memory(process)?;
    println!(
        "{database}: {idle} kB at rest; {:.1} kB for each of {CONNECTIONS} connections after a request",
        kilobytes(open.saturating_sub(idle), CONNECTIONS)
    );
    let failed = connections.iter().filter(|one| one.is_err()).count();
    anyhow::ensure!(failed == 0, "{failed} connections failed");
    drop(connections);
    sleep(SETTLED).await;
    let closed = memory(process)?;
    println!(
        "{database}: {peak} kB at once after they were opened; {open} kB {SETTLED:?} later; {closed} kB {SETTLED:?} \
         after they were closed"
    );

    let mut invoices = vec![];
    for order in 0..STREAMS / OF_INVOICE {
        invoices.push(app.api.invoice(&order.to_string()).await?);
    }
    let before = memory(process)?;
    let mut streams = vec![];
    for opened in &invoices {
        for _ in 0..OF_INVOICE {
            streams.push(Events::follow(&app.api, opened, None).await?);
        }
    }
    let used = processor(process)?;
    sleep(SILENCE).await;
    let with = memory(process)?;
    let share = (processor(process)? - used).as_secs_f64() / SILENCE.as_secs_f64();
    println!(
        "{database}: {:.1} kB for each of {STREAMS} streams of live events; while nothing happens they take \
         {:.1} % of a processor",
        kilobytes(with.saturating_sub(before), STREAMS),
        share * 100.0
    );
    drop(streams);
    Ok(())
}

/// Makes a request on a new connection, which stays open.
async fn ask(address: &str) -> Result<TcpStream> {
    let mut connection = TcpStream::connect(address).await?;
    let request = format!("GET /healthz HTTP/1.1\r\nhost: {address}\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut response = [0; 1024];
    let read = connection.read(&mut response).await?;
    anyhow::ensure!(response[..read].starts_with(b"HTTP/1.1 200"));
    Ok(connection)
}
