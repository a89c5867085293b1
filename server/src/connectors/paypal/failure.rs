//! What PayPal's error responses mean for a call.

use super::codes;
use super::model::ErrorResponse;
use crate::connectors::error::{CallError, Cause};
use crate::connectors::transport::ErrorBody;
use reqwest::StatusCode;
use till_shared::payment::DeclineCode;

impl ErrorResponse {
    fn issue(&self) -> &str {
        match self {
            Self::Request { details, .. } => details.first().map_or("", |detail| &detail.issue),
            Self::Login { .. } => "",
        }
    }

    /// Why the bank declined a capture; `None` if the error is no decline.
    pub fn decline(&self) -> Option<DeclineCode> {
        codes::capture_issue(self.issue())
    }

    fn reason(&self) -> String {
        match self {
            Self::Request {
                name,
                message,
                debug_id,
                ..
            } => format!("{name} {} {message} ({debug_id})", self.issue()),
            Self::Login {
                error,
                error_description,
            } => format!("{error} {error_description}"),
        }
    }
}

impl ErrorBody for ErrorResponse {
    fn into_call_error(self, status: StatusCode) -> CallError {
        let reason = Cause::Message(self.reason());
        match status {
            // The client's credentials are not accepted.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => CallError::NotSent(reason),
            _ if codes::is_in_progress(self.issue()) => CallError::Unknown(reason),
            StatusCode::BAD_REQUEST
            | StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::NOT_ACCEPTABLE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY => CallError::Refused(reason),
            // An earlier call is still in progress, or the status is not documented.
            _ => CallError::Unknown(reason),
        }
    }
}
