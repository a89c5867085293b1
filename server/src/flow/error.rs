//! Why an operation fails.

use crate::domain::invoice::NotPayable;
use crate::store::{self, StoreError};
use till_shared::captcha::Captcha;
use till_shared::problem::{FieldError, ProblemType};

/// The result of an operation.
pub type Result<T> = std::result::Result<T, Error>;

/// The most digits of a field's name that are shown. A card number has more.
const MOST_DIGITS: usize = 8;

/// A field's name as errors and the log show it: without digits, if it has as many as a card number.
pub fn shown_name(name: &str) -> String {
    if name.chars().filter(|c| c.is_numeric()).count() <= MOST_DIGITS {
        return name.to_owned();
    }
    name.replace(char::is_numeric, "*")
}

/// Why an operation fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A problem that is reported to the caller.
    #[error("{kind}: {detail}")]
    Problem {
        /// The type of the problem.
        kind: ProblemType,
        /// A sentence about this occurrence.
        detail: String,
        /// The invalid fields.
        errors: Vec<FieldError>,
        /// When to try again, in seconds from now.
        retry_after: Option<u32>,
        /// The captcha to solve before the next try.
        captcha: Option<Box<Captcha>>,
    },
    /// An internal failure, reported to the log only.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl Error {
    /// A problem that concerns no field.
    pub fn problem(kind: ProblemType, detail: impl Into<String>) -> Self {
        Self::Problem {
            kind,
            detail: detail.into(),
            errors: vec![],
            retry_after: None,
            captcha: None,
        }
    }

    /// The buyer has to wait for so many seconds before the next attempt to pay.
    pub fn too_many_attempts(seconds: u32) -> Self {
        let unit = if seconds == 1 { "second" } else { "seconds" };
        Self::Problem {
            kind: ProblemType::TooManyAttempts,
            detail: format!("There were too many attempts to pay. Try again in {seconds} {unit}."),
            errors: vec![],
            retry_after: Some(seconds),
            captcha: None,
        }
    }

    /// The next attempt to pay has to come with the token of this captcha.
    pub fn captcha_required(captcha: Captcha) -> Self {
        Self::Problem {
            kind: ProblemType::CaptchaRequired,
            detail: "Solve the captcha and send its token in captcha_token.".into(),
            errors: vec![],
            retry_after: None,
            captcha: Some(Box::new(captcha)),
        }
    }

    /// One invalid field.
    pub fn field(field: impl Into<String>, code: &str, message: impl Into<String>) -> Self {
        Self::fields(vec![FieldError::new(field, code, message)])
    }

    /// Several invalid fields.
    pub fn fields(mut errors: Vec<FieldError>) -> Self {
        for error in &mut errors {
            error.field = shown_name(&error.field);
        }
        let names: Vec<_> = errors.iter().map(|e| e.field.as_str()).collect();
        let detail = format!("Some fields are invalid: {}.", names.join(", "));
        Self::Problem {
            kind: ProblemType::InvalidRequest,
            detail,
            errors,
            retry_after: None,
            captcha: None,
        }
    }

    /// Fails if there are invalid fields.
    ///
    /// # Errors
    /// `invalid-request` that names them.
    pub fn if_any(errors: Vec<FieldError>) -> Result<()> {
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Self::fields(errors))
        }
    }

    /// Something that does not exist, or is not the caller's.
    pub fn not_found(what: &str) -> Self {
        Self::problem(ProblemType::NotFound, format!("There is no such {what}."))
    }

    /// Whether the cause is a transient failure of the database.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Problem { .. } => false,
            Self::Internal(cause) => store::is_transient(cause),
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<NotPayable> for Error {
    fn from(reason: NotPayable) -> Self {
        let (kind, detail) = match reason {
            NotPayable::Expired => (
                ProblemType::InvoiceExpired,
                "The invoice was not paid in time.",
            ),
            NotPayable::PaymentInProgress => (
                ProblemType::PaymentInProgress,
                "Another payment of this invoice is in progress.",
            ),
            NotPayable::Canceled => (ProblemType::InvoiceCanceled, "The invoice was canceled."),
            NotPayable::Paid => (ProblemType::InvoicePaid, "The invoice is already paid."),
        };
        Self::problem(kind, detail)
    }
}
