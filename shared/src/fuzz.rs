//! Random texts for everything here that reads texts from outside. `cargo xtask fuzz` runs millions.

use crate::card::{Brand, check_cvc, check_number, group_number};
use crate::message::{Returned, ToPage, ToWidget};
use crate::money::{Currency, Money};
use crate::problem::Problem;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// JSON in which the names and values of our messages occur.
fn json() -> impl Strategy<Value = String> {
    let names = vec![
        "till",
        "invoice",
        "token",
        "payment",
        "status",
        "code",
        "message",
        "height",
        "url",
        "close",
        "till_returned",
        "type",
        "detail",
        "errors",
        "title",
        "request_id",
        "field",
    ];
    let values = vec![
        "null",
        "true",
        "-1",
        "4294967296",
        "1e400",
        "0.5",
        "[]",
        "{}",
        "\"\"",
        "\"open\"",
        "\"prepare\"",
        "\"close\"",
        "\"resize\"",
        "\"navigate\"",
        "\"javascript:1\"",
        "\"\\ud800\"",
        "\"inv_01900000000070008000000000000001\"",
        "\"pay_0\"",
        "[{\"field\":1}]",
    ];
    let field = (prop::sample::select(names), prop::sample::select(values));
    let object = prop::collection::vec(field, 0..5).prop_map(|fields| {
        let fields: Vec<_> = fields.iter().map(|(n, v)| format!("\"{n}\":{v}")).collect();
        format!("{{{}}}", fields.join(","))
    });
    prop_oneof![4 => object, 1 => ".{0,30}"]
}

/// What is read and written again is read as the same.
fn reads<T: DeserializeOwned + Serialize + PartialEq + Debug>(text: &str) -> bool {
    let Ok(value) = serde_json::from_str::<T>(text) else {
        return true;
    };
    let again = serde_json::to_string(&value).map(|text| serde_json::from_str::<T>(&text));
    matches!(again, Ok(Ok(again)) if again == value)
}

proptest! {
    #[test]
    fn fuzz_messages_and_problems(text in json()) {
        prop_assert!(reads::<ToWidget>(&text));
        prop_assert!(reads::<ToPage>(&text));
        prop_assert!(reads::<Returned>(&text));
        prop_assert!(reads::<Problem>(&text));
    }

    #[test]
    fn fuzz_cards(number in prop_oneof!["[0-9]{0,24}", "\\PC{0,24}"], cvc in "\\PC{0,5}") {
        let brand = check_number(&number);
        let digits: String = group_number(&number).chars().filter(|c| *c != ' ').collect();
        let without_spaces: String = number.chars().filter(|c| *c != ' ').collect();
        prop_assert_eq!(digits, without_spaces);
        if brand.is_ok() {
            prop_assert!((12..=19).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit()));
        }
        if check_cvc(&cvc, brand.unwrap_or(Brand::Unknown)).is_ok() {
            prop_assert!((3..=4).contains(&cvc.len()) && cvc.bytes().all(|b| b.is_ascii_digit()));
        }
    }

    #[test]
    fn fuzz_money(text in prop_oneof!["[0-9.,+-]{0,24}", "\\PC{0,12}"], code in "[A-Z]{3}|\\PC{0,4}") {
        if let Ok(currency) = code.parse::<Currency>()
            && let Ok(money) = Money::from_decimal(&text, currency)
        {
            prop_assert_eq!(Money::from_decimal(&money.to_decimal(), currency), Ok(money));
        }
    }
}
