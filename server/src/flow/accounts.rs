//! A project's accounts at payment systems.

use super::{App, Error, Result};
use crate::connectors;
use crate::store::Tx;
use crate::store::accounts::{self, AccountRow, Written};
use secrecy::ExposeSecret;
use serde::Deserialize;
use till_shared::id::ProjectId;
use till_shared::money::Currency;
use till_shared::payment::Method;
use till_shared::problem::FieldError;

/// What an account's credentials are sealed for.
pub fn credentials_place(kind: &str, account: &str) -> String {
    format!("connector_accounts/{kind}/{account}")
}

/// An account at a payment system, as an operator describes it.
#[derive(Deserialize)]
pub struct NewAccount {
    /// The connector's kind.
    pub kind: String,
    /// Its id here, unique for the kind; part of the webhook's path.
    pub account: String,
    /// What its owner calls it; the kind where absent.
    pub label: Option<String>,
    /// As the connector reads them. Absent, those that are stored stay.
    pub credentials: Option<serde_json::Value>,
    /// What it is used for; all that the connector supports where empty.
    #[serde(default)]
    pub methods: Vec<Method>,
    /// ISO 4217 codes; all that the connector supports where empty.
    #[serde(default)]
    pub currencies: Vec<Currency>,
}

/// Makes these a project's accounts, in this order of preference. Others of its take no new
/// payments from now on.
///
/// # Errors
/// When one won't do, or its id is another project's.
pub async fn replace(
    app: &App,
    tx: &mut Tx,
    project: &ProjectId,
    new: Vec<NewAccount>,
) -> Result<()> {
    let mut rows = Vec::with_capacity(new.len());
    let mut errors = vec![];
    for (i, new) in new.into_iter().enumerate() {
        match checked(app, project, new).await? {
            Ok(row) => rows.push((i, row)),
            Err((field, message)) => errors.push(FieldError::new(
                format!("connectors.{i}.{field}"),
                "invalid",
                message,
            )),
        }
    }
    if !errors.is_empty() {
        return Err(Error::fields(errors));
    }
    accounts::remove_all(tx, project).await?;
    for (i, row) in rows {
        let position = i64::try_from(i).unwrap_or(i64::MAX);
        if accounts::write(tx, project, position, &row).await? == Written::TakenByAnother {
            let field = format!("connectors.{i}.account");
            let message = "another project has an account of this kind and id";
            return Err(Error::fields(vec![FieldError::new(
                field, "taken", message,
            )]));
        }
    }
    Ok(())
}

type Wrong = (&'static str, String);

async fn checked(
    app: &App,
    project: &ProjectId,
    new: NewAccount,
) -> Result<std::result::Result<AccountRow, Wrong>> {
    let Some(connector) = connectors::by_kind(&new.kind) else {
        return Ok(Err(("kind", "there is no such connector".into())));
    };
    let id = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    if !(1..=64).contains(&new.account.len()) || !new.account.bytes().all(id) {
        return Ok(Err(("account", "1 to 64 letters, digits, - and _".into())));
    }
    let can = connector.capabilities();
    if let Some(method) = new.methods.iter().find(|m| !can.methods.contains(m)) {
        return Ok(Err((
            "methods",
            format!("{} does not take {method}", new.kind),
        )));
    }
    let place = credentials_place(&new.kind, &new.account);
    let credentials = match new.credentials {
        Some(credentials) => credentials.to_string(),
        None => match app.store.account(&new.kind, &new.account).await? {
            // Whose it is, is checked when it is written.
            Some(known) => app
                .keys
                .open(&place, &known.credentials)?
                .expose_secret()
                .to_owned(),
            None => return Ok(Err(("credentials", "are required".into()))),
        },
    };
    let read = serde_json::from_str(&credentials).unwrap_or_default();
    if let Err(wrong) = connector.check_credentials(&read) {
        tracing::info!(%project, kind = new.kind, "credentials are not as the connector reads them");
        return Ok(Err(("credentials", wrong)));
    }
    Ok(Ok(AccountRow {
        label: new.label.unwrap_or_else(|| new.kind.clone()),
        credentials: app.keys.seal(&place, &credentials)?,
        kind: new.kind,
        account: new.account,
        methods: new.methods,
        currencies: new.currencies.iter().map(|c| c.code().to_owned()).collect(),
    }))
}
