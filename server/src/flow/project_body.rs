//! Projects as JSON: a new project, and a merge patch. The accounts are a field beside the settings.

use super::accounts::NewAccount;
use super::captcha::NewCaptcha;
use super::error::Result;
use super::input::{deserialize, tidy, tidy_patch};
use super::projects::{ProjectUpdate, Settings};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The settings, accounts and captcha of a new project.
pub type NewProject = (Settings, Vec<NewAccount>, Option<NewCaptcha>);

/// Reads the settings, accounts and captcha of a new project.
///
/// # Errors
/// `invalid-request` that names the fields.
pub fn read_new(mut body: Map<String, Value>) -> Result<NewProject> {
    tidy(&mut body)?;
    let accounts = take_accounts(&mut body)?.unwrap_or_default();
    let captcha = take_captcha(&mut body)?.flatten();
    Ok((deserialize(body)?, accounts, captcha))
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
    tidy_patch(&mut patch)?;
    let version = patch.remove("version").unwrap_or_default();
    let Version { version } = deserialize(Map::from_iter([("version".into(), version)]))?;
    Ok(ProjectUpdate {
        accounts: take_accounts(&mut patch)?,
        captcha: take_captcha(&mut patch)?,
        version,
        notify_again: patch.contains_key("notify_url"),
        settings: Box::new(move |known| {
            let mut settings = serde_json::to_value(known).map_err(anyhow::Error::from)?;
            json_patch::merge(&mut settings, &Value::Object(patch));
            match settings {
                Value::Object(settings) => deserialize(settings),
                _ => Err(anyhow::anyhow!("the settings are no object").into()),
            }
        }),
    })
}

/// Takes the captcha out of a body. Null removes the project's.
fn take_captcha(body: &mut Map<String, Value>) -> Result<Option<Option<NewCaptcha>>> {
    #[derive(Deserialize)]
    struct Captcha {
        captcha: Option<NewCaptcha>,
    }
    let Some(captcha) = body.remove("captcha") else {
        return Ok(None);
    };
    let Captcha { captcha } = deserialize(Map::from_iter([("captcha".into(), captcha)]))?;
    Ok(Some(captcha))
}

/// Takes the accounts out of a body. The remaining fields are the settings.
fn take_accounts(body: &mut Map<String, Value>) -> Result<Option<Vec<NewAccount>>> {
    #[derive(Deserialize)]
    struct Accounts {
        // An update without accounts removes them.
        #[serde(default)]
        connectors: Vec<NewAccount>,
    }
    let Some(connectors) = body.remove("connectors") else {
        return Ok(None);
    };
    let accounts: Accounts = deserialize(Map::from_iter([("connectors".into(), connectors)]))?;
    Ok(Some(accounts.connectors))
}
