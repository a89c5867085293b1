//! Who makes a change, and from where.

use crate::store::secret_keys::SecretKey;
use std::net::IpAddr;
use till_shared::id::KeyId;

/// Who makes a change, and from where.
#[derive(Debug, Clone)]
pub struct Actor {
    who: Who,
    origin: Option<String>,
}

#[derive(Debug, Clone)]
enum Who {
    Operator { name: String },
    Key { id: KeyId, name: String },
    Command { user: String },
}

impl Actor {
    /// An operator who calls from an address.
    pub fn operator(name: String, address: Option<IpAddr>) -> Self {
        Self {
            who: Who::Operator { name },
            origin: address.map(|address| address.to_string()),
        }
    }

    /// A secret key with which an address calls.
    pub fn key(key: &SecretKey, address: Option<IpAddr>) -> Self {
        Self {
            who: Who::Key {
                id: key.id.clone(),
                name: key.name.clone(),
            },
            origin: address.map(|address| address.to_string()),
        }
    }

    /// A user of the machine `host` who runs a command.
    pub fn command(user: String, host: Option<String>) -> Self {
        Self {
            who: Who::Command { user },
            origin: host,
        }
    }

    /// The kind of actor, as it is stored.
    pub(super) fn kind(&self) -> &'static str {
        match self.who {
            Who::Operator { .. } => "operator",
            Who::Key { .. } => "key",
            Who::Command { .. } => "command",
        }
    }

    /// The id of a key.
    pub(super) fn id(&self) -> Option<&KeyId> {
        match &self.who {
            Who::Key { id, .. } => Some(id),
            Who::Operator { .. } | Who::Command { .. } => None,
        }
    }

    /// The name of the operator, of the key, or of the user.
    pub(super) fn name(&self) -> &str {
        match &self.who {
            Who::Operator { name } | Who::Key { name, .. } => name,
            Who::Command { user } => user,
        }
    }

    /// The address of the client, or the name of the command's host.
    pub(super) fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }
}
