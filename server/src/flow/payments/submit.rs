//! Payment fixation: creates a payment and submits it to a payment system.

use super::attempts::admit;
use super::fix::validate;
use super::routing::{PaymentForm, accounts_for};
use super::transition::apply_to;
use crate::app::App;
use crate::connectors::{Account, CallError, ClientInfo, Connector, NewPayment, PaymentUpdate};
use crate::domain::invoice::{NotPayable, payable};
use crate::flow::accounts::{card_entry, open_account};
use crate::flow::check_order::{WaitingFor, check_order};
use crate::flow::detached::Detached;
use crate::flow::error::{Error, Result};
use crate::store::connector_accounts::AccountRow;
use crate::store::invoices::{self, InvoiceRow};
use crate::store::payments::{self, Created, Inserted, PaymentRow, PaymentToChange};
use crate::store::projects::Project;
use crate::{clock, new_id, views};
use till_shared::buyer::Buyer;
use till_shared::card::{self, CardSummary};
use till_shared::id::PaymentId;
use till_shared::invoice::InvoiceStatus;
use till_shared::payment::{Method, PaymentStatus};
use till_shared::problem::ProblemType;
use till_shared::text::in_one_line;
use till_shared::widget::{CardData, CardEntry, FixPayment, FixedPayment, Verification};
use tracing::Span;
use tracing::field::Empty;

/// Creates a payment with this id and submits it. If the payment exists, it was created by an
/// earlier attempt of the same call, and is returned as it is, or the one that carried on at another
/// account.
///
/// The project's accounts are tried in order of preference. If an account certainly did not charge
/// (no connection, the account refused the call), the next one is tried with a new payment: a
/// payment's id is only ever sent to the account in its row. A decline is final, and an unknown
/// outcome is left to the reconciler.
///
/// # Errors
/// When a field is invalid, the invoice takes no payment now, the buyer has to wait after too many attempts,
/// the project rejects the order, or no account supports the payment. Nothing has changed then.
#[tracing::instrument(level = "error", skip_all,
    fields(invoice = %invoice.id, project = %project.id, method = %fix.method))]
pub async fn fix_payment(
    _: &Detached,
    app: &App,
    project: &Project,
    invoice: InvoiceRow,
    id: PaymentId,
    fix: FixPayment,
    form: PaymentForm<'_>,
) -> Result<FixedPayment> {
    if !invoice.is_unchanged()
        && let Some(known) = app.store.newest_attempt(&id).await?
    {
        return Ok(views::fixed_payment(&known));
    }
    payable(invoice.status, invoice.expires_at <= clock::now_ms())?;
    let accounts = accounts_for(app, project, &invoice, fix.method, form).await?;
    let (buyer, fix) = validate(project, &invoice, fix, form.card_entry(&accounts))?;
    let client = ClientInfo {
        browser: fix.browser.clone(),
        ..form.client()
    };
    let (waiting, suspicious) = match form {
        PaymentForm::Widget(_) => {
            let suspicious = admit(app, project, &invoice.id, &id, &fix, &client).await?;
            (WaitingFor::Buyer, suspicious)
        }
        PaymentForm::Provider => (WaitingFor::Server, false),
    };
    let attempt = Attempt {
        project_version: project.version,
        id: id.clone(),
        first: None,
        suspicious,
    };
    let submitted = async {
        if !invoice.checked {
            check_order(app, project, &invoice, waiting).await?;
        }
        submit_to_accounts(app, &accounts, &invoice, attempt, &buyer, &fix, &client).await
    };
    match submitted.await {
        Ok(payment) => Ok(views::fixed_payment(&payment)),
        Err(error) => {
            if let Error::Problem { .. } = error {
                app.store.delete_payment_attempt(&id).await?;
            }
            Err(error)
        }
    }
}

/// Submits to each account in turn until one may have charged. Returns the last payment.
async fn submit_to_accounts(
    app: &App,
    accounts: &[AccountRow],
    invoice: &InvoiceRow,
    mut attempt: Attempt,
    buyer: &Buyer,
    fix: &FixPayment,
    client: &ClientInfo,
) -> Result<PaymentRow> {
    let mut not_charged = None;
    let (first, suspicious) = (attempt.id.clone(), attempt.suspicious);
    let project_version = attempt.project_version;
    for account in accounts {
        match submit(app, account, invoice, attempt, buyer, fix, client).await {
            Ok(Submission::Submitted(payment)) => return Ok(payment),
            Ok(Submission::NotCharged(payment)) => not_charged = Some(payment),
            Ok(Submission::RateLimited) => {}
            Err(error) => return not_charged.ok_or(error),
        }
        attempt = Attempt {
            project_version,
            id: PaymentId::from_unique(new_id::unique()),
            first: Some(first.clone()),
            suspicious,
        };
    }
    not_charged.ok_or_else(|| {
        Error::problem(
            ProblemType::Unavailable,
            "The payment system is overloaded. Nothing was charged. Try again in a moment.",
        )
    })
}

/// A payment to create.
struct Attempt {
    /// The version of the project.
    project_version: i64,
    /// Its own id.
    id: PaymentId,
    /// The first payment's id of the same call, if this is a later one.
    first: Option<PaymentId>,
    /// Whether the browser is not told why it is declined.
    suspicious: bool,
}

/// The outcome of submitting a payment to one account.
enum Submission {
    /// The payment system has the payment, or may have it.
    Submitted(PaymentRow),
    /// The provider did not charge and never will; the next account may be tried.
    NotCharged(PaymentRow),
    /// There is no payment: the account is at its limit of concurrent calls.
    RateLimited,
}

/// Creates a payment and submits it to one account.
#[tracing::instrument(name = "payment", level = "error", skip_all,
    fields(payment = Empty, connector = account.kind, account = account.account))]
async fn submit(
    app: &App,
    account: &AccountRow,
    invoice: &InvoiceRow,
    attempt: Attempt,
    buyer: &Buyer,
    fix: &FixPayment,
    client: &ClientInfo,
) -> Result<Submission> {
    let Some(_permit) = app.call_permit(&account.kind, &account.account) else {
        return Ok(Submission::RateLimited);
    };
    // An account with its own page receives no card data, also as the next one after another.
    let card = fix.card.as_ref();
    let card = card.filter(|_| card_entry(account) == CardEntry::Direct);
    let (connector, account) = open_account(app, account)?;
    let new = (fix.method, card);
    let project_version = attempt.project_version;
    let (invoice, payment) = insert_pending(app, invoice, attempt, buyer, new, &account).await?;
    app.invoice_changed(&invoice.id);
    app.metrics.attempt(&payment.connector, payment.method);
    Span::current().record("payment", payment.id.as_str());
    tracing::info!("payment created");
    let known = PaymentToChange {
        payment,
        order_id: invoice.order_id.clone(),
        project_version,
        invoice_version: invoice.version,
        invoice: Some(invoice.clone()),
    };
    let connector = connector.as_ref();
    submit_to_provider(app, connector, &account, &invoice, known, card, client).await
}

/// Inserts the payment before the payment system is called, so that it is known in every case
/// to this process.
async fn insert_pending(
    app: &App,
    invoice: &InvoiceRow,
    attempt: Attempt,
    buyer: &Buyer,
    (method, card): (Method, Option<&CardData>),
    account: &Account,
) -> Result<(InvoiceRow, PaymentRow)> {
    let now = clock::now_ms();
    let payment = PaymentRow {
        id: attempt.id,
        invoice: invoice.id.clone(),
        project: invoice.project.clone(),
        method,
        connector: account.kind.clone(),
        account: account.id.clone(),
        reference: None,
        money: invoice.money,
        status: PaymentStatus::Created,
        decline: None,
        card: card.map(summary),
        verification: Verification::None,
        checks: 0,
        // If this process dies before the answer, the reconciler polls once the call has timed out.
        next_check_at: Some(now + app.call_lease_ms()),
        duplicate: false,
        review: None,
        called_off: false,
        first_attempt: attempt.first,
        suspicious: attempt.suspicious,
        amount_refunded: 0,
        amount_reversed: 0,
        created_at: now,
        updated_at: now,
    };
    let begin = |invoice: &mut InvoiceRow| {
        payable(invoice.status, invoice.expires_at <= now)?;
        invoice.status = InvoiceStatus::Processing;
        invoice.buyer = buyer.clone();
        invoice.checked = true;
        Ok::<_, Error>(())
    };
    let mut begun = invoice.clone();
    begin(&mut begun)?;
    match app.store.create_payment(&mut begun, &payment).await? {
        Created::New => return Ok((begun, payment)),
        Created::AnotherIsLive => return Err(NotPayable::PaymentInProgress.into()),
        Created::Changed => {}
    }
    let mut tx = app.store.begin().await?;
    let locked = invoices::lock(&mut tx, &invoice.id).await?;
    begun = locked.ok_or_else(|| Error::not_found("invoice"))?;
    begin(&mut begun)?;
    invoices::save(&mut tx, &mut begun).await?;
    if let Inserted::AnotherIsLive = payments::insert(&mut tx, &payment).await? {
        return Err(NotPayable::PaymentInProgress.into());
    }
    tx.commit().await.map_err(anyhow::Error::from)?;
    Ok((begun, payment))
}

fn summary(card: &CardData) -> CardSummary {
    CardSummary {
        brand: card::Brand::of(&card.number),
        last4: card.last4(),
        exp_month: card.exp_month,
        exp_year: card.exp_year,
    }
}

/// Calls the payment system and applies its answer.
async fn submit_to_provider(
    app: &App,
    connector: &dyn Connector,
    account: &Account,
    invoice: &InvoiceRow,
    known: PaymentToChange,
    card: Option<&CardData>,
    client: &ClientInfo,
) -> Result<Submission> {
    let payment = known.payment.clone();
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
    // Payment systems take a single line.
    let description = invoice.description.as_deref().map(in_one_line);
    let new = NewPayment {
        id: &payment.id,
        method: payment.method,
        money: payment.money,
        card,
        order_id: &invoice.order_id,
        description: description.as_deref(),
        buyer: &invoice.buyer,
        locale: invoice.locale.as_deref(),
        return_url: &return_url,
        webhook_url: &webhook_url,
        client,
    };
    let created = connector.create(&app.ctx(account), &new).await;
    if let Err(error) = &created {
        tracing::warn!(%error, "the payment system did not accept the payment");
    }
    let (update, not_charged) = match created {
        Ok(update) => (update, false),
        Err(CallError::NotSent(_) | CallError::Refused(_)) => {
            (PaymentUpdate::status(PaymentStatus::Failed), true)
        }
        Err(CallError::Unknown(_)) => (PaymentUpdate::status(PaymentStatus::Processing), false),
    };
    let applied = apply_to(app, known, update).await?;
    let payment = applied.unwrap_or(payment);
    if not_charged && payment.status == PaymentStatus::Failed {
        Ok(Submission::NotCharged(payment))
    } else {
        Ok(Submission::Submitted(payment))
    }
}
