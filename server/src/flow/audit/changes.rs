//! What a change changed, for the audit log.

use crate::store::connector_accounts::AccountRow;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// How a project's accounts changed, without credentials.
pub struct AccountsChange {
    /// The accounts before.
    pub before: Value,
    /// The accounts after.
    pub after: Value,
    /// The names of the fields of credentials that changed, by the account's kind and id.
    pub credentials: BTreeMap<String, Vec<String>>,
}

impl AccountsChange {
    /// The change from some accounts to others.
    pub fn new(
        before: &[AccountRow],
        after: &[AccountRow],
        credentials: BTreeMap<String, Vec<String>>,
    ) -> Self {
        let accounts = |rows: &[AccountRow]| rows.iter().map(account).collect();
        Self {
            before: accounts(before),
            after: accounts(after),
            credentials,
        }
    }
}

fn account(row: &AccountRow) -> Value {
    json!({
        "kind": row.kind, "account": row.account, "label": row.label, "methods": row.methods,
        "currencies": row.currencies, "card_entry": row.card_entry,
    })
}

/// The fields of two JSON objects that differ: those of the one, and those of the other.
pub fn differing(before: Value, after: Value) -> (Value, Value) {
    let (Value::Object(mut before), Value::Object(mut after)) = (before, after) else {
        return (Value::Null, Value::Null);
    };
    before.retain(|name, value| match after.get(name) {
        Some(other) if other == value => {
            after.remove(name);
            false
        }
        Some(_) | None => true,
    });
    (before.into(), after.into())
}

/// The names of the fields of two JSON objects that differ, without their values.
pub fn changed_fields(before: &Value, after: &Value) -> Vec<String> {
    let none = Map::new();
    let before = before.as_object().unwrap_or(&none);
    let after = after.as_object().unwrap_or(&none);
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let changed = |name: &&String| before.get(*name) != after.get(*name);
    names.into_iter().filter(changed).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown() {
        let (before, after) = differing(
            json!({ "a": 1, "b": null, "c": [1], "d": 1 }),
            json!({ "a": 1, "b": 2, "c": [1, 2], "e": 1 }),
        );
        assert_eq!(before, json!({ "b": null, "c": [1], "d": 1 }));
        assert_eq!(after, json!({ "b": 2, "c": [1, 2], "e": 1 }));
    }

    #[test]
    fn changed_fields_are_named() {
        let names = changed_fields(
            &json!({ "key": "a", "url": "b", "old": "c" }),
            &json!({ "key": "x", "url": "b", "new": "d" }),
        );
        assert_eq!(names, ["key", "new", "old"]);
        assert_eq!(changed_fields(&Value::Null, &json!({ "key": 1 })), ["key"]);
    }
}
