//! Who sells what for how much, and until when.

use crate::browser;
use crate::dom::{El, el};
use crate::expiry::expiry;
use crate::i18n::t;
use crate::session::Session;
use crate::wire::Billing;
use leptos::prelude::*;

/// The amount, in the buyer's way of writing.
pub fn price(data: &Billing) -> String {
    browser::money(data.amount, &data.currency, data.exponent)
}

/// The top of every screen; empty where nothing is known.
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
        .maybe(logo)
        .child(el("span").text(&data.shop))
        .maybe(test);
    let amount = el("h1").class("amount").attr("tabindex", "-1");
    let description = data.description.as_deref();
    top.child(seller)
        .child(amount.text(&price(&data)))
        .maybe(description.map(|text| el("p").class("description").text(text)))
        .maybe((!data.items.is_empty()).then(|| items(&data)))
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
