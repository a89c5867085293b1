//! The way back to the shop.

use crate::flow::invoices::InvoiceRow;
use crate::flow::projects::Project;
use axum::http::{HeaderMap, header};
use url::Url;

/// Returns the page that the buyer came from, if its origin is allowed.
pub fn came_from(project: &Project, headers: &HeaderMap) -> Option<String> {
    let referer = headers.get(header::REFERER).and_then(|v| v.to_str().ok());
    let url = referer.and_then(|text| Url::parse(text).ok())?;
    let origin = url.origin().ascii_serialization();
    let allowed = &project.settings.allowed_origins;
    allowed.contains(&origin).then(|| url.into())
}

/// Returns the shop's address while an invoice is open: the page that the buyer came from, or the origin
/// of an address that the order or the project has. `failure_url` itself is for payments that failed.
pub fn shop_url(project: &Project, invoice: &InvoiceRow, headers: &HeaderMap) -> Option<String> {
    let settings = &project.settings;
    let known = settings.allowed_origins.first();
    let known = known
        .or(invoice.success_url.as_ref())
        .or(settings.success_url.as_ref())
        .or(invoice.failure_url.as_ref())
        .or(settings.failure_url.as_ref());
    came_from(project, headers)
        .or_else(|| Some(Url::parse(known?).ok()?.origin().ascii_serialization()))
}
