//! Projects as JSON: a new project, and a merge patch. The accounts are a field beside the settings.

use super::accounts::NewAccount;
use super::deserialize::deserialize;
use super::error::Result;
use super::projects::{ProjectUpdate, Settings};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Reads the settings and accounts of a new project.
///
/// # Errors
/// `invalid-request` that names the fields.
pub fn read_new(mut body: Map<String, Value>) -> Result<(Settings, Vec<NewAccount>)> {
    let accounts = take_accounts(&mut body)?.unwrap_or_default();
    Ok((deserialize(Value::Object(body))?, accounts))
}

/// Reads a merge patch (RFC 7396) of a project.
///
/// # Errors
/// `invalid-request` when an account or the version is invalid.
pub fn read_update(mut patch: Map<String, Value>) -> Result<ProjectUpdate> {
    #[derive(Deserialize)]
    struct Version {
        version: Option<i64>,
    }
    let version = patch.remove("version").unwrap_or_default();
    let Version { version } = deserialize(json!({ "version": version }))?;
    Ok(ProjectUpdate {
        accounts: take_accounts(&mut patch)?,
        version,
        notify_again: patch.contains_key("notify_url"),
        settings: Box::new(move |known| {
            let mut settings = serde_json::to_value(known).map_err(anyhow::Error::from)?;
            json_patch::merge(&mut settings, &Value::Object(patch));
            deserialize(settings)
        }),
    })
}

/// Takes the accounts out of a body. The remaining fields are the settings.
fn take_accounts(body: &mut Map<String, Value>) -> Result<Option<Vec<NewAccount>>> {
    #[derive(Deserialize)]
    struct Accounts {
        connectors: Vec<NewAccount>,
    }
    let Some(connectors) = body.remove("connectors") else {
        return Ok(None);
    };
    let accounts: Accounts = deserialize(json!({ "connectors": connectors }))?;
    Ok(Some(accounts.connectors))
}
