//! The summary of the order: seller, amount, description, items and expiry.

use super::expiry::TimeLeft;
use crate::i18n::{money, t};
use crate::once::once;
use crate::state::Session;
use leptos::prelude::*;
use till_shared::invoice::Item;
use till_shared::widget::Bill;

/// Formats the amount in the buyer's locale.
pub fn price(bill: &Bill) -> String {
    money(bill.amount, &bill.currency, bill.exponent)
}

/// The summary; empty without billing data.
#[component]
pub fn Summary(session: Session) -> impl IntoView {
    let bill = session.bill();
    let content = bill.map(|bill| once(move || view! { <Content session bill/> }));
    view! { <header class="summary">{content}</header> }
}

#[component]
fn Content(session: Session, bill: Bill) -> impl IntoView {
    let amount = price(&bill);
    document().set_title(&bill.project.name);
    let logo = bill.project.logo_url.clone().map(|url| {
        once(|| view! { <img class="logo" alt="" referrerpolicy="no-referrer" src=url/> })
    });
    let test = bill
        .test
        .then(|| once(|| view! { <span class="test">{t("test_mode")}</span> }));
    let description = bill
        .description
        .clone()
        .map(|text| once(|| view! { <p class="description">{text}</p> }));
    let name = bill.project.name.clone();
    let expires_at = bill.expires_at.clone();
    let items = (!bill.items.is_empty()).then(|| once(move || view! { <Items bill/> }));
    view! {
        <p class="seller">{logo} <span>{name}</span> {test}</p>
        <h1 class="amount" tabindex="-1">
            {amount}
        </h1>
        {description}
        {items}
        <TimeLeft session expires_at/>
    }
}

#[component]
fn Items(bill: Bill) -> impl IntoView {
    let line = |item: &Item| {
        let each = money(item.amount, &bill.currency, bill.exponent);
        let many = [&item.quantity.to_string(), " × ", &each].concat();
        let name = item.name.clone();
        view! { <li><span>{name}</span><span>{many}</span></li> }
    };
    let lines: Vec<_> = bill.items.iter().map(line).collect();
    view! {
        <details class="items">
            <summary>{t("order_details")}</summary>
            <ul>{lines}</ul>
        </details>
    }
}
