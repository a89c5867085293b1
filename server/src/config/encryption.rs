//! The settings of the encryption keys.

use super::secret_source::{from_command, from_file};
use crate::crypto::Keys;
use crate::{new_id, private_file};
use anyhow::{Context, bail};
use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use std::io::Write;
use std::path::PathBuf;

/// The encryption keys, and where they are read from.
#[derive(Args, Clone, Default)]
pub struct EncryptionKeys {
    /// The key that encrypts credentials and signing secrets at rest: 32 bytes in base64, from
    /// `openssl rand -base64 32`. With `--dev` a key is created and stored beside the database.
    #[arg(long, env = "TILL_ENCRYPTION_KEY", hide_env_values = true)]
    pub encryption_key: Option<SecretString>,

    /// A file with the key of `--encryption-key`.
    #[arg(
        long,
        env = "TILL_ENCRYPTION_KEY_FILE",
        value_name = "FILE",
        conflicts_with = "encryption_key"
    )]
    pub encryption_key_file: Option<PathBuf>,

    /// A command that writes the key of `--encryption-key` to standard output, such as a client of a key
    /// management service. It runs at every start, without a shell: blanks separate its arguments.
    #[arg(
        long,
        env = "TILL_ENCRYPTION_KEY_COMMAND",
        value_name = "COMMAND",
        hide_env_values = true,
        conflicts_with_all = ["encryption_key", "encryption_key_file"]
    )]
    pub encryption_key_command: Option<String>,

    /// Further keys that decrypt, and do not encrypt: those that `--encryption-key` replaces, or the one that
    /// will replace it. May be repeated; the environment variable takes a list separated by commas.
    #[arg(
        long = "decryption-key",
        env = "TILL_DECRYPTION_KEYS",
        value_name = "KEY",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub decryption_keys: Vec<SecretString>,

    /// A file with the keys of `--decryption-key`, one in each line.
    #[arg(
        long,
        env = "TILL_DECRYPTION_KEYS_FILE",
        value_name = "FILE",
        conflicts_with = "decryption_keys"
    )]
    pub decryption_keys_file: Option<PathBuf>,

    /// A command that writes the keys of `--decryption-key` to standard output, one in each line. It runs as
    /// that of `--encryption-key-command`.
    #[arg(
        long,
        env = "TILL_DECRYPTION_KEYS_COMMAND",
        value_name = "COMMAND",
        hide_env_values = true,
        conflicts_with_all = ["decryption_keys", "decryption_keys_file"]
    )]
    pub decryption_keys_command: Option<String>,
}

impl EncryptionKeys {
    /// Returns the keys. If none is set, the current one is read from `own_file`, which `creates` says whether
    /// to create.
    ///
    /// # Errors
    /// When no key is set, or one can't be read or is no key.
    pub fn keys(&self, own_file: Option<&str>, creates: bool) -> anyhow::Result<Keys> {
        Keys::ring(&self.current(own_file, creates)?, &self.others()?)
    }

    fn current(&self, own_file: Option<&str>, creates: bool) -> anyhow::Result<SecretString> {
        if let Some(key) = &self.encryption_key {
            return Ok(key.clone());
        }
        if let Some(file) = &self.encryption_key_file {
            return from_file("TILL_ENCRYPTION_KEY_FILE", file);
        }
        if let Some(command) = &self.encryption_key_command {
            return from_command("TILL_ENCRYPTION_KEY_COMMAND", command);
        }
        if let Some(Ok(text)) = own_file.map(std::fs::read_to_string) {
            return Ok(SecretString::from(text));
        }
        match own_file {
            Some(path) if creates => created(path),
            _ => bail!(
                "TILL_ENCRYPTION_KEY is not set. It encrypts credentials and signing secrets: create \
                 one with `openssl rand -base64 32` and keep it safe"
            ),
        }
    }

    fn others(&self) -> anyhow::Result<Vec<SecretString>> {
        let text = match (&self.decryption_keys_file, &self.decryption_keys_command) {
            (Some(file), _) => from_file("TILL_DECRYPTION_KEYS_FILE", file)?,
            (None, Some(command)) => from_command("TILL_DECRYPTION_KEYS_COMMAND", command)?,
            (None, None) => {
                let is_set = |key: &&SecretString| !key.expose_secret().trim().is_empty();
                return Ok(self
                    .decryption_keys
                    .iter()
                    .filter(is_set)
                    .cloned()
                    .collect());
            }
        };
        let keys = text.expose_secret().split_ascii_whitespace();
        Ok(keys.map(SecretString::from).collect())
    }
}

/// A new key, in a file that only its owner can read.
fn created(path: &str) -> anyhow::Result<SecretString> {
    let key = new_id::signing_secret()?.replace("whsec_", "");
    private_file::create(path)
        .and_then(|mut file| file.write_all(key.as_bytes()))
        .with_context(|| format!("can't write {path}"))?;
    Ok(SecretString::from(key))
}
