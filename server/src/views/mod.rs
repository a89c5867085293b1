//! Stored rows as the types that go over the wire. There are no rules here: what to show is decided
//! in `flow`.

mod audit;
mod event;
mod invoice;
mod key;
mod operator;
mod payment;
mod project;
mod widget;

pub use audit::{AuditEntryView, audit_entry};
pub use event::{ResentEvent, ResentEvents, event, sending_event};
pub use invoice::invoice;
pub use key::{KeyView, key};
pub use operator::{OperatorView, operator};
pub use payment::{dispute, fixed_payment, payment, refund};
pub use project::{ConnectorView, ProjectView, project};
pub use widget::{billing_data, widget_state};
