use super::*;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;
use till_shared::order::Order;
use till_shared::text::{self, Layout};

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => panic!("{value} is no object"),
    }
}

/// The errors of a value, as `field: message`.
fn errors<T>(result: Result<T>) -> Vec<String> {
    match result {
        Ok(_) => vec![],
        Err(Error::Problem { errors, .. }) => {
            let text = |e: &FieldError| format!("{}: {}", e.field, e.message);
            errors.iter().map(text).collect()
        }
        Err(Error::Internal(cause)) => panic!("{cause}"),
    }
}

fn order_with(field: &str, value: Value) -> Map<String, Value> {
    let mut order = object(json!({ "order_id": "1", "amount": 100, "currency": "EUR" }));
    order.insert(field.into(), value);
    order
}

#[test]
fn errors_say_what_is_allowed_and_what_came() {
    for (field, value, expected) in [
        (
            "amount",
            json!(19.99),
            "amount: must be a whole number of minor units, such as 1999 for 19.99 EUR, not 19.99",
        ),
        (
            "amount",
            json!("1999"),
            "amount: must be a whole number of minor units, such as 1999 for 19.99 EUR, not \"1999\"",
        ),
        ("amount", json!(null), "amount: is required"),
        ("currency", json!(5), "currency: must be text, not a number"),
        (
            "order_id",
            json!(42),
            "order_id: must be text, not a number",
        ),
        (
            "order_id",
            json!("42 "),
            "order_id: must not begin or end with a blank",
        ),
        (
            "order_id",
            json!("\u{a0}42"),
            "order_id: must not begin or end with a blank",
        ),
        ("order_id", json!("  "), "order_id: is required"),
        (
            "order_id",
            json!("4\n2"),
            "order_id: must not contain line breaks",
        ),
        (
            "description",
            json!("a\u{0}"),
            "description: must not contain control characters, such as U+0000",
        ),
        ("items", json!("x"), "items: must be a list, not text"),
        (
            "items",
            json!([5]),
            "items[0]: must be an object, not a number",
        ),
        (
            "items",
            json!([{ "name": "x", "quantity": 1 }]),
            "items[0].amount: is required",
        ),
        (
            "items",
            json!([{ "name": "x", "quantity": -1, "amount": 1 }]),
            "items[0].quantity: must be from 0 to 4294967295, not -1",
        ),
        (
            "items",
            json!([{ "name": "x", "quantity": 1, "amount": 1, "tax": 1 }]),
            "items[0].tax: is not a known field",
        ),
        (
            "method",
            json!("cash"),
            "method: must be one of card, paypal, ideal, bancontact, eps, not \"cash\"",
        ),
        (
            "method",
            json!(4_242_424_242_424_242_i64),
            "method: must be one of card, paypal, ideal, bancontact, eps, not a longer number",
        ),
        (
            "metadata",
            json!({ "a": 1 }),
            "metadata.a: must be text, not a number",
        ),
        (
            "metadata",
            json!([1]),
            "metadata: must be an object, not a list",
        ),
        (
            "metadata",
            json!({ "a\u{0}": "b" }),
            "metadata.a\u{fffd}: must not contain control characters, such as U+0000",
        ),
        (
            "buyer",
            json!({ "mail": "a@b.example" }),
            "buyer.mail: is not a known field",
        ),
        (
            "expires_in_seconds",
            json!(-5),
            "expires_in_seconds: must be from 0 to 4294967295, not -5",
        ),
    ] {
        let read = deserialize::<Order>(order_with(field, value.clone()));
        assert_eq!(errors(read), [expected], "{field}: {value}");
    }
}

#[test]
fn empty_values_count_as_absent() {
    for value in [json!(null), json!(""), json!(" "), json!([]), json!({})] {
        for field in [
            "description",
            "items",
            "buyer",
            "metadata",
            "method",
            "expires_in_seconds",
        ] {
            let order: Order = deserialize(order_with(field, value.clone())).unwrap();
            assert_eq!(serde_json::to_value(&order.items).unwrap(), json!([]));
            assert!(
                order.description.is_none() && order.metadata.is_empty(),
                "{field}"
            );
        }
    }
    let metadata = json!({ "order_id": " 7 ", "empty": "" });
    let order: Order = deserialize(order_with("metadata", metadata)).unwrap();
    assert_eq!(
        serde_json::to_value(order.metadata).unwrap(),
        json!({ "order_id": "7" })
    );
}

#[test]
fn details_of_the_buyer_never_refuse_an_order() {
    let buyer =
        json!({ "email": [1], "name": { "a": 1 }, "phone": 49_301_234_567_i64, "country": true });
    let order: Order = deserialize(order_with("buyer", buyer)).unwrap();
    assert_eq!(order.buyer.phone.as_deref(), Some("49301234567"));
    assert!(order.buyer.email.is_none() && order.buyer.name.is_none());
}

#[test]
fn a_merge_patch_keeps_what_clears() {
    let mut patch = object(json!({ "a": "", "b": [], "c": { "d": " " }, "e": null, "f": " x " }));
    tidy_patch(&mut patch).unwrap();
    let expected = json!({ "a": null, "b": [], "c": { "d": null }, "e": null, "f": "x" });
    assert_eq!(Value::Object(patch), expected);
}

#[derive(Debug, Default, PartialEq, Deserialize)]
struct Filter {
    limit: Option<i64>,
    #[serde(default)]
    now: bool,
    order_id: Option<String>,
    email: Option<String>,
}

fn query(pairs: &[(&str, &str)]) -> Result<Filter> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    deserialize_query(pairs.iter().map(owned))
}

#[test]
fn a_query_has_numbers_as_text() {
    let read = query(&[("limit", " 5 "), ("now", "true"), ("email", "")]).unwrap();
    let expected = Filter {
        limit: Some(5),
        now: true,
        ..Filter::default()
    };
    assert_eq!(read, expected);
    for (pairs, expected) in [
        (
            &[("limit", "five")][..],
            "limit: must be a whole number, not \"five\"",
        ),
        (
            &[("limit", "1.5")],
            "limit: must be a whole number, not \"1.5\"",
        ),
        (&[("now", "yes")], "now: must be true or false, not \"yes\""),
        (&[("page", "2")], "page: is not a known field"),
        (
            &[("limit", "1"), ("limit", "1")],
            "limit: must be sent only once",
        ),
        (
            &[("order_id", "42 ")],
            "order_id: must not begin or end with a blank",
        ),
        (
            &[("email", "a\0")],
            "email: must not contain control characters, such as U+0000",
        ),
    ] {
        assert_eq!(errors(query(pairs)), [expected], "{pairs:?}");
    }
}

/// Any JSON value.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn texts(value: &Value, all: &mut Vec<String>) {
    match value {
        Value::String(text) => all.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|value| texts(value, all)),
        Value::Object(object) => {
            for (key, value) in object {
                all.push(key.clone());
                texts(value, all);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

proptest! {
    #[test]
    fn no_text_with_control_characters_gets_in(value in json_value()) {
        let mut body = Map::from_iter([("order_id".into(), value.clone()), ("x".into(), value)]);
        if tidy(&mut body).is_ok() {
            let mut all = vec![];
            texts(&body.clone().into(), &mut all);
            for text in all {
                prop_assert_eq!(text::check(&text, Layout::Lines), Ok(()));
            }
            let again = body.clone();
            prop_assert!(tidy(&mut body).is_ok());
            prop_assert_eq!(body, again);
        }
    }

    #[test]
    fn an_error_never_has_a_card_number(
        field in "order_id|amount|currency|method|items|metadata|expires_in_seconds|locale|unknown",
        number in "[0-9]{12,19}",
        form in 0..4,
    ) {
        let value = match form {
            0 => number.parse::<u64>().map_or(Value::Null, Value::from),
            1 => number.clone().into(),
            2 => json!([number]),
            _ => json!({ "number": number }),
        };
        let read = errors(deserialize::<Order>(order_with(&field, value)));
        prop_assert!(read.iter().all(|error| !error.contains(&number)), "{read:?}");
    }

    #[test]
    fn an_order_is_read_as_serde_json_reads_it(
        id in "[a-z0-9]{1,9}", amount in any::<i64>(), name in "[a-z]{1,9}", quantity in any::<u32>(),
    ) {
        let value = json!({
            "order_id": id, "amount": amount, "currency": "EUR", "method": "card",
            "items": [{ "name": name, "quantity": quantity, "amount": amount }],
            "buyer": { "email": name }, "metadata": { "a": name },
        });
        let ours: Order = deserialize(object(value.clone())).unwrap();
        let theirs: Order = serde_json::from_value(value).unwrap();
        let json = |order: &Order| serde_json::to_value(order).unwrap();
        prop_assert_eq!(json(&ours), json(&theirs));
    }
}
