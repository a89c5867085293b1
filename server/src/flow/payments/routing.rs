//! Routing: which of a project's accounts take a payment.

use crate::app::App;
use crate::connectors;
use crate::flow::error::{Error, Result};
use crate::store::connector_accounts::AccountRow;
use crate::store::invoices::InvoiceRow;
use crate::store::projects::Project;
use till_shared::payment::Method;
use till_shared::problem::ProblemType;
use till_shared::widget::MethodInfo;

/// The form in which the buyer enters the method's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentForm {
    /// The widget's form: the data comes with the payment fixation call.
    Widget,
    /// The payment system's own form.
    Provider,
}

/// The accounts that take a payment of the invoice, in order of preference.
///
/// # Errors
/// `method-unavailable` if there are none.
pub async fn accounts_for(
    app: &App,
    project: &Project,
    invoice: &InvoiceRow,
    method: Method,
    form: PaymentForm,
) -> Result<Vec<AccountRow>> {
    let mut accounts = app.store.accounts(&project.id).await?;
    accounts.retain(|account| {
        supports(account, method, invoice)
            && (form == PaymentForm::Widget || has_hosted_page(account))
    });
    if accounts.is_empty() {
        return Err(Error::problem(
            ProblemType::MethodUnavailable,
            "No account of the project supports this payment.",
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
            Some(MethodInfo {
                method,
                fields: fields(method, account),
            })
        })
        .collect()
}

/// Whether the widget asks for card data before a payment to this account.
pub fn asks_for_card(account: &AccountRow) -> bool {
    connectors::by_kind(&account.kind).is_some_and(|c| c.capabilities().card_data)
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

fn fields(method: Method, account: &AccountRow) -> Vec<String> {
    let names: &[&str] = match method {
        Method::Card if asks_for_card(account) => {
            &["number", "exp_month", "exp_year", "cvc", "holder"]
        }
        Method::Card | Method::Paypal | Method::Ideal | Method::Bancontact | Method::Eps => &[],
    };
    names.iter().map(ToString::to_string).collect()
}
