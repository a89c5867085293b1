//! What goes over the wire between project, widget, server and payment systems, and the rules
//! both ends must agree on. No I/O, no clock: whoever needs the time passes it in.

pub mod buyer;
pub mod card;
pub mod event;
pub mod id;
pub mod invoice;
pub mod message;
pub mod money;
pub mod payment;
pub mod problem;
pub mod refund;
pub mod text_enum;
pub mod widget;
