//! Why a request was refused: for the log, and for a page in the place of the problem document.

use till_shared::problem::ProblemType;

/// Why a request was refused, as an extension of its response.
#[derive(Clone)]
pub struct Refusal {
    /// The type of the problem.
    pub problem: ProblemType,
    /// The detail of the problem, in English.
    pub detail: String,
    /// The names of the invalid fields.
    pub fields: Vec<String>,
}
