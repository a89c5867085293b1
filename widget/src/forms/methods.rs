//! The payment methods. The buyer enters a card in the widget, or on the payment system's page if the
//! account says so; every other method redirects to the payment system's page.

use crate::i18n::{fill, t};
use crate::once::reactive;
use leptos::prelude::*;
use till_shared::payment::Method;
use till_shared::widget::MethodInfo;

/// Returns the display name of a method.
pub fn method_name(method: Method) -> String {
    match method {
        Method::Card => return t("card"),
        Method::Paypal => "PayPal",
        Method::Ideal => "iDEAL",
        Method::Bancontact => "Bancontact",
        Method::Eps => "EPS",
    }
    .to_owned()
}

/// Returns the label of a button that leads to a method's page.
pub fn page_label(method: Method) -> String {
    match method {
        Method::Card => t("card_page"),
        _ => fill("pay_with", "{method}", &method_name(method)),
    }
}

/// Returns the text that says before the press that a method has a page of its own.
pub fn page_text(method: Method) -> String {
    match method {
        Method::Card => t("card_page_text"),
        _ => fill("pay_with_text", "{method}", &method_name(method)),
    }
}

/// The choice of methods, if there are several.
#[component]
pub fn MethodChoice(methods: Vec<MethodInfo>, chosen: RwSignal<Method>) -> impl IntoView {
    let option = |info: MethodInfo| {
        let method = info.method;
        view! {
            <label class="method">
                <input
                    type="radio"
                    name="method"
                    value=method.as_str()
                    checked=reactive(move || chosen.get() == method)
                    on:change=move |_| chosen.set(method)
                />
                <span>{method_name(method)}</span>
            </label>
        }
    };
    view! {
        <fieldset class="methods">
            <legend>{t("payment_method")}</legend>
            {methods.into_iter().map(option).collect::<Vec<_>>()}
        </fieldset>
    }
}
