//! The hashes that make the entries of the audit log a chain.

use crate::flow::error::Result;
use crate::store::audit_log::AuditRow;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The hash before the first entry.
pub(super) const FIRST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The hash of an entry: SHA-256, in hex, of the hash before, a line feed, and the canonical JSON (RFC 8785)
/// of the entry's columns.
pub(super) fn hash(row: &AuditRow, seq: i64, previous: &str) -> Result<String> {
    #[derive(Serialize)]
    struct Hashed<'a> {
        seq: i64,
        #[serde(flatten)]
        row: &'a AuditRow,
    }
    let json = serde_json_canonicalizer::to_string(&Hashed { seq, row });
    let json = json.map_err(anyhow::Error::from)?;
    Ok(hex::encode(Sha256::digest(format!("{previous}\n{json}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `printf '%s\n%s' PREVIOUS JSON | sha256sum` computes it: stored chains stay valid.
    #[test]
    fn the_hash_is_the_documented_one() {
        let row = AuditRow {
            id: "0190".into(),
            at: 1_700_000_000_000,
            actor: "operator".into(),
            actor_id: None,
            actor_name: Some("ada".into()),
            origin: Some("203.0.113.7".into()),
            action: "project.update".into(),
            project: Some("prj_1".into()),
            subject: "prj_1".into(),
            detail: "{}".into(),
            state_before: Some("{\"name\":\"a\"}".into()),
            state_after: None,
        };
        let found = hash(&row, 1, FIRST).unwrap();
        assert_eq!(
            found,
            "a3585f77b015b38f73a1cd3a0c104f3693a0f2fcd29ee1710bc7a7383c59ce06"
        );
    }
}
