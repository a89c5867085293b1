//! The types that go over the wire between project, widget and server, and the validation rules
//! that the widget and the server share. No I/O and no clock: functions take the time as an
//! argument.

pub mod buyer;
pub mod captcha;
pub mod card;
pub mod card_data;
pub mod dispute;
pub mod event;
#[cfg(test)]
mod fuzz;
pub mod id;
pub mod invoice;
mod known;
pub mod language;
pub mod message;
pub mod money;
pub mod order;
pub mod payment;
pub mod problem;
pub mod refund;
pub mod text;
pub mod widget;

#[cfg(test)]
mod typescript;

#[cfg(test)]
mod tests {
    use serde::{Serialize, de::DeserializeOwned};
    use std::fmt::{Debug, Display};
    use std::str::FromStr;

    /// Checks that serde and strum use the same value for every variant.
    fn check<T>(all: &[T], as_str: fn(T) -> &'static str)
    where
        T: Copy + Debug + PartialEq + Display + FromStr<Err = strum::ParseError>,
        T: Serialize + DeserializeOwned,
    {
        for variant in all {
            let value = as_str(*variant);
            assert_eq!(serde_json::to_value(variant).unwrap(), value);
            assert_eq!(serde_json::from_value::<T>(value.into()).unwrap(), *variant);
            assert_eq!(variant.to_string(), value);
            assert_eq!(value.parse::<T>(), Ok(*variant));
        }
        assert!("".parse::<T>().is_err());
    }

    #[test]
    fn serde_and_strum_agree() {
        macro_rules! check {
            ($($name:ty),+ $(,)?) => { $( check(<$name>::ALL, <$name>::as_str); )+ };
        }
        check!(
            crate::buyer::BuyerField,
            crate::card::Brand,
            crate::dispute::DisputeStatus,
            crate::event::DeliveryState,
            crate::event::EventType,
            crate::invoice::InvoiceStatus,
            crate::message::EventName,
            crate::payment::DeclineCode,
            crate::payment::Method,
            crate::payment::PaymentStatus,
            crate::problem::ProblemType,
            crate::refund::RefundSource,
            crate::refund::RefundStatus,
            crate::widget::OpenMode,
            crate::widget::Theme,
        );
    }
}
