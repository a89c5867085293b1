//! Payment fixation: the buyer pressed Pay.

use super::apply::apply_payment_update;
use super::check_order::check_order;
use super::{App, Detached, Error, Result, view};
use crate::connectors::{self, Account, CallError, Connector, NewPayment, PaymentUpdate};
use crate::store::accounts::AccountRow;
use crate::store::invoices::{self, InvoiceRow};
use crate::store::payments::{self, Inserted, PaymentRow};
use crate::store::projects::Project;
use crate::{clock, new_id};
use std::sync::Arc;
use till_shared::buyer::{Buyer, BuyerField, acceptable};
use till_shared::card::{self, CardError, CardSummary};
use till_shared::id::PaymentId;
use till_shared::invoice::InvoiceStatus;
use till_shared::payment::{Method, PaymentStatus};
use till_shared::problem::{FieldError, ProblemType};
use till_shared::widget::{CardData, FixPayment, FixedPayment, Verification};
use tracing::Span;
use tracing::field::Empty;

/// Where the buyer gives the method's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In our widget: they come with the call.
    Ours,
    /// On the payment system's own form.
    Theirs,
}

/// Creates a payment with this id and asks the payment system for it; one that exists already is
/// that of the same call, which broke off, and is given as it stands. Of the project's accounts that
/// serve it the first is asked; where that takes nothing for certain (no connection, down for maintenance,
/// the account refused), the next, as a payment of its own: each row names the account that was
/// asked under the row's id, and that never changes. A decline is an answer and the end, an unknown
/// fate is waited for.
///
/// # Errors
/// When a field won't do, the invoice is not open, the project refuses the order, or no account
/// serves it. Nothing has changed then.
#[tracing::instrument(level = "error", skip_all,
    fields(invoice = %invoice.id, project = %project.id, method = %fix.method))]
pub async fn fix_payment(
    _: &Detached,
    app: &App,
    project: &Project,
    invoice: InvoiceRow,
    mut id: PaymentId,
    fix: FixPayment,
    form: Form,
) -> Result<FixedPayment> {
    if let Some(known) = app.store.payment(&id).await? {
        return Ok(fixed(&known));
    }
    payable(&invoice)?;
    let accounts = accounts_for(app, project, &invoice, fix.method, form).await?;
    let asks_for_card = form == Form::Ours && accounts.first().is_some_and(view::asks_for_card);
    let (buyer, fix) = check_fields(project, &invoice, fix, asks_for_card)?;
    let Some((last, others)) = accounts.split_last() else {
        return Err(unavailable());
    };
    if !invoice.checked {
        check_order(app, project, &invoice).await?;
    }
    let mut asked = None;
    for account in others {
        match ask(app, account, &invoice, id, &buyer, &fix).await {
            Ok(Asked::Took(payment)) => return Ok(fixed(&payment)),
            Ok(Asked::TookNothing(payment)) => asked = Some(payment),
            Ok(Asked::Busy) => {}
            Err(error) => return asked.map(|payment| fixed(&payment)).ok_or(error),
        }
        id = PaymentId::from_unique(new_id::unique());
    }
    match ask(app, last, &invoice, id, &buyer, &fix).await {
        Ok(Asked::Took(payment) | Asked::TookNothing(payment)) => Ok(fixed(&payment)),
        Ok(Asked::Busy) => asked.map(|payment| fixed(&payment)).ok_or_else(busy),
        Err(error) => asked.map(|payment| fixed(&payment)).ok_or(error),
    }
}

/// What came of asking one account, and the payment that it was asked for.
enum Asked {
    /// It has the payment, or may have it.
    Took(PaymentRow),
    /// For certain it took nothing, nor will it: another may be asked.
    TookNothing(PaymentRow),
    /// It was not asked, and there is no payment: too many calls to it are under way.
    Busy,
}

/// Writes a payment down and asks one account for it.
#[tracing::instrument(name = "payment", level = "error", skip_all,
    fields(payment = Empty, connector = account.kind, account = account.account))]
async fn ask(
    app: &App,
    account: &AccountRow,
    invoice: &InvoiceRow,
    id: PaymentId,
    buyer: &Buyer,
    fix: &FixPayment,
) -> Result<Asked> {
    let Some(_place) = app.bulkhead.enter(&account.kind, &account.account) else {
        return Ok(Asked::Busy);
    };
    let (connector, account) = app.open_account(account)?;
    let (invoice, payment) = write_down(app, invoice, id, buyer.clone(), fix, &account).await?;
    app.changed(&invoice.id);
    app.metrics.attempt(&payment.connector, payment.method);
    Span::current().record("payment", payment.id.as_str());
    tracing::info!("payment written down");
    ask_payment_system(
        app,
        connector,
        account,
        &invoice,
        payment,
        fix.card.as_ref(),
    )
    .await
}

fn fixed(payment: &PaymentRow) -> FixedPayment {
    let verification = match payment.status.is_live() {
        true => payment.verification.clone(),
        false => Verification::None,
    };
    FixedPayment {
        payment: view::payment(payment),
        verification,
    }
}

/// The project's accounts that take an invoice by a method, the preferred one first.
///
/// # Errors
/// `method-unavailable` when there is none.
pub async fn accounts_for(
    app: &App,
    project: &Project,
    invoice: &InvoiceRow,
    method: Method,
    form: Form,
) -> Result<Vec<AccountRow>> {
    let has_form = |account: &AccountRow| {
        connectors::by_kind(&account.kind).is_some_and(|c| c.capabilities().own_form)
    };
    let mut accounts = app.store.accounts(&project.id).await?;
    accounts.retain(|a| view::serves(a, method, invoice) && (form == Form::Ours || has_form(a)));
    match accounts.is_empty() {
        false => Ok(accounts),
        true => Err(unavailable()),
    }
}

fn busy() -> Error {
    Error::problem(
        ProblemType::Unavailable,
        "The payment system has too much to do just now. Nothing was charged; please try again.",
    )
}

fn unavailable() -> Error {
    Error::problem(
        ProblemType::MethodUnavailable,
        "No account of the project takes this payment.",
    )
}

/// Whether a payment of the invoice may begin now.
///
/// # Errors
/// The problem that says why not.
pub fn payable(invoice: &InvoiceRow) -> Result<()> {
    let (kind, detail) = match invoice.status {
        InvoiceStatus::Open if invoice.expires_at > clock::now_ms() => return Ok(()),
        InvoiceStatus::Open | InvoiceStatus::Expired => (
            ProblemType::InvoiceExpired,
            "The invoice was not paid in time.",
        ),
        InvoiceStatus::Processing => (
            ProblemType::PaymentInProgress,
            "Another payment of this invoice is in progress.",
        ),
        InvoiceStatus::Canceled => (ProblemType::InvoiceCanceled, "The invoice was canceled."),
        InvoiceStatus::Paid | InvoiceStatus::PartiallyRefunded | InvoiceStatus::Refunded => {
            (ProblemType::InvoicePaid, "The invoice is paid already.")
        }
    };
    Err(Error::problem(kind, detail))
}

/// Checks every field before any of them has an effect. Gives the buyer with what was missing
/// filled in; what the order brought is not overwritten from the page.
fn check_fields(
    project: &Project,
    invoice: &InvoiceRow,
    mut fix: FixPayment,
    asks_for_card: bool,
) -> Result<(Buyer, FixPayment)> {
    let mut errors = vec![];
    let mut buyer = invoice.buyer.clone();
    for field in buyer.missing(BuyerField::ALL) {
        let required = project.settings.required_buyer_fields.contains(&field);
        match fix
            .buyer
            .get(field)
            .map(str::trim)
            .filter(|value| !value.is_empty())
        {
            Some(value) if acceptable(field, value) => buyer.set(field, Some(value.to_owned())),
            Some(_) => errors.push(FieldError::new(
                format!("buyer.{field}"),
                "invalid",
                format!("not a usable {field}"),
            )),
            None if required => errors.push(FieldError::new(
                format!("buyer.{field}"),
                "required",
                format!("{field} is required"),
            )),
            None => {}
        }
    }
    match (fix.method, &mut fix.card) {
        (Method::Card, Some(card)) => check_card(card, &mut errors),
        (Method::Card, None) if asks_for_card => {
            errors.push(FieldError::new(
                "card",
                "required",
                "the card's data are required",
            ));
        }
        (Method::Card, None)
        | (Method::Paypal | Method::Ideal | Method::Bancontact | Method::Eps, _) => {
            fix.card = None;
        }
    }
    if errors.is_empty() {
        Ok((buyer, fix))
    } else {
        Err(Error::fields(errors))
    }
}

fn check_card(card: &mut CardData, errors: &mut Vec<FieldError>) {
    let mut wrong = |field: &str, error: CardError| {
        let message = match error {
            CardError::Required => "is required",
            CardError::Incomplete => "is incomplete",
            CardError::Invalid => "is not valid",
            CardError::Expired => "the card has expired",
        };
        errors.push(FieldError::new(
            format!("card.{field}"),
            error.code(),
            message,
        ));
    };
    card.number.retain(|c| c != ' ' && c != '-');
    let brand = card::check_number(&card.number).unwrap_or_else(|error| {
        wrong("number", error);
        card::Brand::of(&card.number)
    });
    let (now_month, now_year) = clock::month_and_year();
    card.exp_year = card::full_year(card.exp_year, now_year);
    if let Err(error) = card::check_expiry(card.exp_month, card.exp_year, now_month, now_year) {
        let month = !(1..=12).contains(&card.exp_month);
        wrong(if month { "exp_month" } else { "exp_year" }, error);
    }
    if let Err(error) = card::check_cvc(&card.cvc, brand) {
        wrong("cvc", error);
    }
    if card
        .holder
        .as_deref()
        .is_some_and(|h| !h.is_empty() && !acceptable(BuyerField::Name, h))
    {
        wrong("holder", CardError::Invalid);
    }
}

/// The write before the call: whatever happens next, the payment is known here.
async fn write_down(
    app: &App,
    invoice: &InvoiceRow,
    id: PaymentId,
    buyer: Buyer,
    fix: &FixPayment,
    account: &Account,
) -> Result<(InvoiceRow, PaymentRow)> {
    let now = clock::now_ms();
    let payment = PaymentRow {
        id,
        invoice: invoice.id.clone(),
        project: invoice.project.clone(),
        method: fix.method,
        connector: account.kind.clone(),
        account: account.id.clone(),
        reference: None,
        money: invoice.money,
        status: PaymentStatus::Created,
        decline: None,
        card: fix.card.as_ref().map(summary),
        verification: Verification::None,
        checks: 0,
        // Should this server die before the answer: somebody asks once the call must be over.
        next_check_at: Some(now + app.call_lease_ms()),
        created_at: now,
        updated_at: now,
    };
    let mut tx = app.store.begin().await?;
    let fresh = invoices::lock(&mut tx, &invoice.id).await?;
    let mut fresh = fresh.ok_or_else(|| Error::not_found("invoice"))?;
    payable(&fresh)?;
    if let Inserted::AnotherIsLive = payments::insert(&mut tx, &payment).await? {
        return Err(Error::problem(
            ProblemType::PaymentInProgress,
            "Another payment of this invoice is in progress.",
        ));
    }
    fresh.status = InvoiceStatus::Processing;
    fresh.buyer = buyer;
    fresh.checked = true;
    invoices::save(&mut tx, &mut fresh).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    Ok((fresh, payment))
}

fn summary(card: &CardData) -> CardSummary {
    let last4 = card
        .number
        .get(card.number.len().saturating_sub(4)..)
        .unwrap_or_default();
    CardSummary {
        brand: card::Brand::of(&card.number),
        last4: last4.to_owned(),
        exp_month: card.exp_month,
        exp_year: card.exp_year,
    }
}

async fn ask_payment_system(
    app: &App,
    connector: Arc<dyn Connector>,
    account: Account,
    invoice: &InvoiceRow,
    payment: PaymentRow,
    card: Option<&CardData>,
) -> Result<Asked> {
    let return_url = format!(
        "{}/pay/{}/return?payment={}&state={}",
        app.base_url,
        payment.invoice,
        payment.id,
        app.keys.return_state(&payment.id)
    );
    let webhook_url = format!(
        "{}/v1/connectors/{}/{}/webhooks",
        app.base_url, account.kind, account.id
    );
    let new = NewPayment {
        id: &payment.id,
        method: payment.method,
        money: payment.money,
        card,
        order_id: &invoice.order_id,
        description: invoice.description.as_deref(),
        buyer: &invoice.buyer,
        locale: invoice.locale.as_deref(),
        return_url: &return_url,
        webhook_url: &webhook_url,
    };
    let created = connector.create(&app.ctx(&account), &new).await;
    if let Err(error) = &created {
        tracing::warn!(%error, "the payment was not taken");
    }
    let (update, took_nothing) = match created {
        Ok(update) => (update, false),
        Err(CallError::NotSent(_) | CallError::Refused(_)) => {
            (PaymentUpdate::status(PaymentStatus::Failed), true)
        }
        Err(CallError::Unknown(_)) => (PaymentUpdate::status(PaymentStatus::Processing), false),
    };
    let applied = apply_payment_update(app, &payment.id, update).await?;
    let payment = applied.unwrap_or(payment);
    Ok(
        match took_nothing && payment.status == PaymentStatus::Failed {
            true => Asked::TookNothing(payment),
            false => Asked::Took(payment),
        },
    )
}
