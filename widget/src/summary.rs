//! The summary of the order: seller, amount, description, items and expiry.

use crate::browser;
use crate::dom::{El, el};
use crate::expiry::expiry;
use crate::i18n::t;
use crate::session::Session;
use crate::wire::Billing;
use leptos::prelude::*;

/// Formats the amount in the buyer's locale.
pub fn price(data: &Billing) -> String {
    browser::money(data.amount, &data.currency, data.exponent)
}

/// Renders the summary; empty without billing data.
pub fn summary(session: Session) -> El {
    let top = el("header").class("summary");
    let Some(data) = session.data.get_untracked() else {
        return top;
    };
    document().set_title(&data.shop);
    let logo = data.logo.as_deref().map(|url| {
        let logo = el("img").class("logo").attr("alt", "");
        logo.attr("referrerpolicy", "no-referrer").attr("src", url)
    });
    let test = data
        .test
        .then(|| el("span").class("test").text(&t("test_mode")));
    let seller = el("p")
        .class("seller")
        .optional_child(logo)
        .child(el("span").text(&data.shop))
        .optional_child(test);
    let amount = el("h1").class("amount").attr("tabindex", "-1");
    let description = data.description.as_deref();
    top.child(seller)
        .child(amount.text(&price(&data)))
        .optional_child(description.map(|text| el("p").class("description").text(text)))
        .optional_child((!data.items.is_empty()).then(|| items(&data)))
        .children(expiry(session, data.expires_at))
}

fn items(data: &Billing) -> El {
    let line = |(name, quantity, each): &(String, i64, i64)| {
        let each = browser::money(*each, &data.currency, data.exponent);
        let many = [&quantity.to_string(), " × ", &each].concat();
        let line = el("li").child(el("span").text(name));
        line.child(el("span").text(&many))
    };
    el("details")
        .class("items")
        .child(el("summary").text(&t("order_details")))
        .child(el("ul").children(data.items.iter().map(line).collect()))
}
