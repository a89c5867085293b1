//! The README's pictures in docs/images. `cargo xtask pictures` takes them again.

use anyhow::{Context, Result, ensure};
use png::{ColorType, Decoder, Transformations};
use std::fs;
use std::io::Cursor;
use std::path::Path;
use till_tests::browser::buyer::Buyer;
use till_tests::browser::{Screen, screenshots};
use till_tests::cards::VERIFIED;

const WIDTH: u32 = 900;
const HEIGHT: u32 = 760;
/// The most bytes of a picture.
const LIMIT: usize = 80_000;
/// The side of the squares that are compared, in pixels.
const SQUARE: usize = 20;
/// How far the mean brightness of a square may be off, of 255: fonts differ between machines.
const TOLERANCE: f64 = 24.0;
/// How many of a hundred squares may be off by more.
const OFF: usize = 5;

#[tokio::test]
async fn the_pictures_show_the_widget() -> Result<()> {
    let buyer = Buyer::start("picture", Screen::Desk).await?;
    let browser = &buyer.browser;
    browser.resize(WIDTH, HEIGHT).await?;
    buyer.open_frame().await?;
    buyer.fill_in(VERIFIED).await?;
    browser.leave_frames().await?;
    buyer.screenshot("widget").await?;
    browser.enter_frame("dialog[open] iframe").await?;
    browser.click("#pay").await?;
    browser.enter_frame("#verification-frame").await?;
    browser.wait_for("#confirm").await?;
    browser.leave_frames().await?;
    buyer.screenshot("verification").await?;
    for name in ["widget", "verification"] {
        let taken = fs::read(screenshots()?.join(format!("picture-{name}.png")))?;
        same(name, &taken).context("`cargo xtask pictures` takes it again")?;
    }
    buyer.close().await
}

/// Compares a picture with the one in docs/images, or replaces that one if `TILL_PICTURES` is set.
fn same(name: &str, taken: &[u8]) -> Result<()> {
    ensure!(taken.len() <= LIMIT, "{name}: {} bytes", taken.len());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let file = root.join(format!("docs/images/{name}.png"));
    if std::env::var_os("TILL_PICTURES").is_some() {
        fs::create_dir_all(file.parent().context("no directory")?)?;
        fs::write(&file, taken)?;
    }
    let kept = fs::read(&file).with_context(|| file.display().to_string())?;
    let (taken, kept) = (squares(taken)?, squares(&kept)?);
    ensure!(taken.len() == kept.len(), "{name} has another size");
    let pairs = taken.iter().zip(&kept);
    let off = pairs.filter(|(a, b)| (*a - *b).abs() > TOLERANCE).count();
    ensure!(
        off * 100 <= OFF * kept.len(),
        "{name}: {off} of {} squares differ",
        kept.len()
    );
    Ok(())
}

/// The mean brightness of each square of a picture.
fn squares(picture: &[u8]) -> Result<Vec<f64>> {
    let mut decoder = Decoder::new(Cursor::new(picture));
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info()?;
    let mut pixels = vec![0; reader.output_buffer_size().context("too large")?];
    let info = reader.next_frame(&mut pixels)?;
    let samples = info.color_type.samples();
    ensure!(
        matches!(info.color_type, ColorType::Rgb | ColorType::Rgba),
        "{:?}",
        info.color_type
    );
    let across = info.width as usize / SQUARE;
    let down = info.height as usize / SQUARE;
    let mut sums = vec![0.0; across * down];
    for (y, line) in pixels
        .chunks(info.line_size)
        .take(down * SQUARE)
        .enumerate()
    {
        for (x, pixel) in line.chunks(samples).take(across * SQUARE).enumerate() {
            let brightness: f64 = pixel.iter().take(3).copied().map(f64::from).sum();
            sums[y / SQUARE * across + x / SQUARE] += brightness / 3.0;
        }
    }
    let area = (SQUARE * SQUARE) as f64;
    Ok(sums.into_iter().map(|sum| sum / area).collect())
}
