//! The screens, and the parts that they share.

mod close_question;
mod expiry;
mod failed;
mod form;
mod outcome;
mod parts;
mod processing;
mod summary;
mod verification;

pub use close_question::CloseQuestion;
pub use failed::Failed;
pub use form::PayForm;
pub use outcome::Outcome;
pub use processing::Processing;
pub use summary::Summary;
pub use verification::VerificationForm;
