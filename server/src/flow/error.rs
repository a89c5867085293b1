//! Why a call is not carried out.

use crate::store::StoreError;
use till_shared::problem::{FieldError, ProblemType};

/// The result of a flow.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something that the caller is told.
    #[error("{kind}: {detail}")]
    Problem {
        /// What kind of thing.
        kind: ProblemType,
        /// What happened this time.
        detail: String,
        /// The fields that won't do.
        errors: Vec<FieldError>,
    },
    /// Something that only our log is told.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl Error {
    /// A problem without fields.
    pub fn problem(kind: ProblemType, detail: impl Into<String>) -> Self {
        Self::Problem {
            kind,
            detail: detail.into(),
            errors: vec![],
        }
    }

    /// Fields that won't do.
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let names: Vec<_> = errors.iter().map(|e| e.field.as_str()).collect();
        let detail = format!("These fields won't do: {}.", names.join(", "));
        Self::Problem {
            kind: ProblemType::InvalidRequest,
            detail,
            errors,
        }
    }

    /// Not there, or not the caller's.
    pub fn not_found(what: &str) -> Self {
        Self::problem(ProblemType::NotFound, format!("There is no such {what}."))
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}
