//! Where a buyer goes after a payment.

use crate::app::App;
use crate::store::invoices::InvoiceRow;
use crate::store::projects::Project;
use till_shared::invoice::InvoiceStatus;
use till_shared::payment::PaymentStatus;
use url::Url;

/// Where the buyer continues once the invoice has ended, if the order or the project says so.
pub fn continue_url(project: &Project, invoice: &InvoiceRow) -> Option<String> {
    let url = match invoice.status {
        InvoiceStatus::Open | InvoiceStatus::Processing => None,
        InvoiceStatus::Paid | InvoiceStatus::PartiallyRefunded | InvoiceStatus::Refunded => invoice
            .success_url
            .as_ref()
            .or(project.settings.success_url.as_ref()),
        InvoiceStatus::Canceled | InvoiceStatus::Expired => failure_url(project, invoice),
    };
    with_outcome(url?, invoice)
}

/// Where a buyer goes who returns from the verification form: to the shop if the payment has ended,
/// otherwise to the payment page.
pub fn after_return(
    app: &App,
    project: &Project,
    invoice: &InvoiceRow,
    payment: PaymentStatus,
) -> String {
    let unsuccessful = match payment {
        PaymentStatus::Declined | PaymentStatus::Failed | PaymentStatus::Canceled => true,
        PaymentStatus::Created
        | PaymentStatus::RequiresVerification
        | PaymentStatus::Processing
        | PaymentStatus::Succeeded => false,
    };
    continue_url(project, invoice)
        .or_else(|| {
            let url = failure_url(project, invoice).filter(|_| unsuccessful)?;
            with_outcome(url, invoice)
        })
        .unwrap_or_else(|| app.payment_page_url(&invoice.id))
}

/// Where the buyer goes after an unsuccessful payment, if the order or the project says so.
fn failure_url<'a>(project: &'a Project, invoice: &'a InvoiceRow) -> Option<&'a String> {
    invoice
        .failure_url
        .as_ref()
        .or(project.settings.failure_url.as_ref())
}

/// The URL with `invoice`, `order_id` and `status` added.
fn with_outcome(url: &str, invoice: &InvoiceRow) -> Option<String> {
    let mut url = Url::parse(url).ok()?;
    url.query_pairs_mut()
        .append_pair("invoice", invoice.id.as_str())
        .append_pair("order_id", &invoice.order_id)
        .append_pair("status", invoice.status.as_str());
    Some(url.into())
}
