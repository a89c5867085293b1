//! What the log says about a request that was refused.

use till_shared::problem::ProblemType;

/// Why a request was refused, as an extension of its response.
#[derive(Clone)]
pub struct Refusal {
    /// The type of the problem.
    pub problem: ProblemType,
    /// The names of the invalid fields.
    pub fields: Vec<String>,
}
