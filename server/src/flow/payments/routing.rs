//! Routing: which of a project's accounts take a payment.

use crate::app::App;
use crate::connectors::{self, ClientInfo};
use crate::flow::accounts::card_entry;
use crate::flow::error::{Error, Result};
use crate::store::connector_accounts::AccountRow;
use crate::store::invoices::InvoiceRow;
use crate::store::projects::Project;
use till_shared::payment::Method;
use till_shared::problem::ProblemType;
use till_shared::widget::{CardEntry, MethodInfo};

/// The fields of a card in our payment form.
const CARD_FIELDS: [&str; 5] = ["number", "exp_month", "exp_year", "cvc", "holder"];

/// The form in which the buyer enters the method's data.
#[derive(Debug, Clone, Copy)]
pub enum PaymentForm<'a> {
    /// The widget's form: the data comes with the payment fixation call, from this client.
    Widget(&'a ClientInfo),
    /// The payment system's own form, for a payment that the project's server creates.
    Provider,
}

impl PaymentForm<'_> {
    /// What is known of the buyer's client.
    pub fn client(self) -> ClientInfo {
        match self {
            Self::Widget(client) => client.clone(),
            Self::Provider => ClientInfo::default(),
        }
    }

    /// Where the buyer enters a card for a payment to these accounts: as it is for the preferred one.
    pub fn card_entry(self, accounts: &[AccountRow]) -> CardEntry {
        match (self, accounts.first()) {
            (Self::Widget(_), Some(preferred)) => card_entry(preferred),
            (Self::Widget(_), None) | (Self::Provider, _) => CardEntry::Hosted,
        }
    }
}

/// The accounts that take a payment of the invoice, in order of preference. Where the buyer enters a
/// card on the payment system's page, no account is among them that needs its data.
///
/// # Errors
/// `method-unavailable` if there are none.
pub async fn accounts_for(
    app: &App,
    project: &Project,
    invoice: &InvoiceRow,
    method: Method,
    form: PaymentForm<'_>,
) -> Result<Vec<AccountRow>> {
    let mut accounts = app.projects.accounts(project).await?.to_vec();
    if accounts.is_empty() {
        tracing::warn!("the project has no account at a payment system");
        let detail = "The project has no account at a payment system. Add one with \
                      `till project update --connector FILE`.";
        return Err(Error::problem(ProblemType::MethodUnavailable, detail));
    }
    accounts.retain(|account| supports(account, method, invoice));
    match form {
        PaymentForm::Provider => accounts.retain(has_hosted_page),
        PaymentForm::Widget(_) if method == Method::Card => {
            if form.card_entry(&accounts) == CardEntry::Hosted {
                accounts.retain(|account| card_entry(account) == CardEntry::Hosted);
            }
        }
        PaymentForm::Widget(_) => {}
    }
    if accounts.is_empty() {
        return Err(Error::problem(
            ProblemType::MethodUnavailable,
            format!(
                "No account of the project takes {method} in {}.",
                invoice.money.currency
            ),
        ));
    }
    Ok(accounts)
}

/// The methods the widget offers, the order's own first. The fields of a method are those of its
/// preferred account.
pub fn methods(invoice: &InvoiceRow, accounts: &[AccountRow]) -> Vec<MethodInfo> {
    let mut methods = Method::ALL.to_vec();
    methods.sort_by_key(|method| Some(*method) != invoice.method);
    methods
        .into_iter()
        .filter_map(|method| {
            let account = accounts.iter().find(|a| supports(a, method, invoice))?;
            let card_entry = (method == Method::Card).then(|| card_entry(account));
            let fields = match card_entry {
                Some(CardEntry::Direct) => CARD_FIELDS.map(str::to_owned).to_vec(),
                Some(CardEntry::Hosted) | None => vec![],
            };
            Some(MethodInfo {
                method,
                fields,
                card_entry,
            })
        })
        .collect()
}

fn supports(account: &AccountRow, method: Method, invoice: &InvoiceRow) -> bool {
    let currency = invoice.money.currency;
    let code = currency.code();
    let enabled = (account.methods.is_empty() || account.methods.contains(&method))
        && (account.currencies.is_empty() || account.currencies.iter().any(|c| c == code));
    enabled
        && connectors::by_kind(&account.kind)
            .is_some_and(|c| c.capabilities().supports(method, currency))
}

fn has_hosted_page(account: &AccountRow) -> bool {
    connectors::by_kind(&account.kind).is_some_and(|c| c.capabilities().hosted_page)
}
