//! From stored rows to what goes over the wire.

use super::App;
use crate::clock::rfc3339;
use crate::connectors;
use crate::store::invoices::InvoiceRow;
use crate::store::payments::PaymentRow;
use crate::store::projects::{AccountRow, Project};
use crate::store::refunds::RefundRow;
use till_shared::invoice::{Invoice, InvoiceStatus};
use till_shared::payment::{Method, Payment, PaymentStatus};
use till_shared::refund::Refund;
use till_shared::widget::{BillingData, MethodInfo, ProjectInfo, Verification, WidgetState};
use url::Url;

/// A payment.
pub fn payment(row: &PaymentRow) -> Payment {
    Payment {
        id: row.id.clone(),
        object: "payment".into(),
        invoice: row.invoice.clone(),
        method: row.method,
        connector: row.connector.clone(),
        reference: row.reference.clone(),
        amount: row.money.amount,
        currency: row.money.currency,
        status: row.status,
        decline: row.decline.map(Into::into),
        card: row.card.clone(),
        created_at: rfc3339(row.created_at),
        updated_at: rfc3339(row.updated_at),
    }
}

/// A refund of a payment.
pub fn refund(row: &RefundRow, payment: &PaymentRow) -> Refund {
    Refund {
        id: row.id.clone(),
        object: "refund".into(),
        payment: row.payment.clone(),
        invoice: payment.invoice.clone(),
        amount: row.amount,
        currency: payment.money.currency,
        reason: row.reason.clone(),
        status: row.status,
        created_at: rfc3339(row.created_at),
        updated_at: rfc3339(row.updated_at),
    }
}

/// An invoice with its payments.
pub fn invoice(app: &App, project: &Project, row: &InvoiceRow, payments: &[PaymentRow]) -> Invoice {
    let client_token = app.keys.client_token(&row.id);
    Invoice {
        id: row.id.clone(),
        object: "invoice".into(),
        project: row.project.clone(),
        order_id: row.order_id.clone(),
        amount: row.money.amount,
        currency: row.money.currency,
        description: row.description.clone(),
        items: row.items.clone(),
        buyer: row.buyer.clone(),
        missing: row.buyer.missing(&project.settings.required_buyer_fields),
        status: row.status,
        payments: payments.iter().map(payment).collect(),
        amount_refunded: row.amount_refunded,
        payment_url: hosted_page(app, row, &client_token),
        confirmation_url: None,
        client_token,
        locale: row.locale.clone(),
        metadata: row.metadata.clone(),
        test: project.settings.test,
        created_at: rfc3339(row.created_at),
        expires_at: rfc3339(row.expires_at),
        paid_at: row.paid_at.map(rfc3339),
    }
}

/// Our page for an invoice; the token travels in the fragment, which no server is sent.
pub fn hosted_page(app: &App, row: &InvoiceRow, client_token: &str) -> String {
    format!("{}/pay/{}#token={client_token}", app.base_url, row.id)
}

/// What changes while the widget is open.
pub fn widget_state(project: &Project, row: &InvoiceRow, payments: &[PaymentRow]) -> WidgetState {
    // The payment that counts is the one that succeeded; without one, the newest.
    let shown = payments
        .iter()
        .find(|p| p.status == PaymentStatus::Succeeded)
        .or_else(|| payments.last());
    let waits = shown.filter(|p| p.status.is_live());
    WidgetState {
        status: row.status,
        payment: shown.map(payment),
        verification: waits.map_or(Verification::None, |p| p.verification.clone()),
        continue_url: continue_url(project, row),
    }
}

/// Where the buyer goes on to once it is over, with what became of the order.
pub fn continue_url(project: &Project, row: &InvoiceRow) -> Option<String> {
    let settings = &project.settings;
    let url = match row.status {
        InvoiceStatus::Open | InvoiceStatus::Processing => return None,
        InvoiceStatus::Paid | InvoiceStatus::PartiallyRefunded | InvoiceStatus::Refunded => {
            row.success_url.as_ref().or(settings.success_url.as_ref())
        }
        InvoiceStatus::Canceled | InvoiceStatus::Expired => failure_url(project, row),
    };
    with_outcome(url?, row)
}

/// Where the buyer goes after a payment that did not succeed, if the project wants it so.
pub fn failure_url<'a>(project: &'a Project, row: &'a InvoiceRow) -> Option<&'a String> {
    row.failure_url
        .as_ref()
        .or(project.settings.failure_url.as_ref())
}

/// The URL with `invoice`, `order_id` and `status` added.
pub fn with_outcome(url: &str, row: &InvoiceRow) -> Option<String> {
    let mut url = Url::parse(url).ok()?;
    url.query_pairs_mut()
        .append_pair("invoice", row.id.as_str())
        .append_pair("order_id", &row.order_id)
        .append_pair("status", row.status.as_str());
    Some(url.into())
}

/// All that the widget shows.
pub fn billing_data(
    project: &Project,
    row: &InvoiceRow,
    payments: &[PaymentRow],
    accounts: &[AccountRow],
) -> BillingData {
    let settings = &project.settings;
    BillingData {
        invoice: row.id.clone(),
        project: ProjectInfo {
            name: project.name.clone(),
            logo_url: settings.widget.logo_url.clone(),
        },
        order_id: row.order_id.clone(),
        amount: row.money.amount,
        currency: row.money.currency,
        exponent: row.money.currency.exponent(),
        description: row.description.clone(),
        items: row.items.clone(),
        missing: row.buyer.missing(&settings.required_buyer_fields),
        methods: methods(row, accounts),
        theme: settings.widget.theme,
        accent: settings.widget.accent.clone(),
        locale: row
            .locale
            .clone()
            .or_else(|| settings.widget.locale.clone()),
        state: widget_state(project, row, payments),
        expires_at: rfc3339(row.expires_at),
        test: settings.test,
    }
}

fn methods(row: &InvoiceRow, accounts: &[AccountRow]) -> Vec<MethodInfo> {
    Method::ALL
        .iter()
        .filter(|method| {
            accounts
                .iter()
                .any(|account| serves(account, **method, row))
        })
        .map(|method| MethodInfo {
            method: *method,
            fields: fields(*method),
        })
        .collect()
}

/// Whether an account can carry an invoice by a method.
pub fn serves(account: &AccountRow, method: Method, row: &InvoiceRow) -> bool {
    let code = row.money.currency.code();
    let wanted = account.methods.contains(&method)
        && (account.currencies.is_empty() || account.currencies.iter().any(|c| c == code));
    wanted
        && connectors::by_kind(&account.kind).is_some_and(|connector| {
            let can = connector.capabilities();
            can.methods.contains(&method) && can.currencies.is_none_or(|list| list.contains(&code))
        })
}

fn fields(method: Method) -> Vec<String> {
    let names: &[&str] = match method {
        Method::Card => &["number", "exp_month", "exp_year", "cvc", "holder"],
    };
    names.iter().map(ToString::to_string).collect()
}
