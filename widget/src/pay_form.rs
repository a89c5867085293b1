//! The payment form: missing buyer details, payment methods and the Pay button.

use crate::buyer_form::{BuyerForm, buyer_fields};
use crate::card_form::{CardForm, card_fields};
use crate::dom::{El, effect, el, focus, message};
use crate::i18n::{fill, t};
use crate::method::{self, CARD, chooser};
use crate::session::{FormAction, Session};
use crate::summary::price;
use crate::wire;
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;
use till_shared::buyer::BuyerField;
use web_sys::Event;

/// The form's fields. They outlive the form: the buyer's input is kept between screens.
#[derive(Clone, Copy)]
pub struct Forms {
    buyer: BuyerForm,
    card: CardForm,
    /// The chosen method; empty before the first choice.
    method: RwSignal<String>,
}

impl Forms {
    /// Creates empty fields.
    pub fn new() -> Self {
        Self {
            buyer: BuyerForm::new(),
            card: CardForm::new(),
            method: RwSignal::new(String::new()),
        }
    }

    fn is_card(&self) -> bool {
        self.method.with(|method| method == CARD)
    }

    /// Returns the request body. If a field is invalid, shows all errors and returns the id of the first
    /// invalid field.
    fn read(&self, missing: &[BuyerField]) -> Result<String, &'static str> {
        let is_card = self.method.get_untracked() == CARD;
        let buyer = self.buyer.read(missing);
        let card = is_card.then(|| self.card.read()).transpose();
        let (buyer, card) = (buyer?, card?);
        let method = self.method.get_untracked();
        Ok(wire::fixation(&method, &buyer, card.as_ref()))
    }
}

/// Renders the form.
pub fn pay_form(session: Session, forms: Forms) -> El {
    let Some(data) = session.data.get_untracked() else {
        return el("div");
    };
    let Some(first) = data.methods.first().cloned() else {
        return message("form", "mark bad", &t("no_method"), "", vec![]);
    };
    if !data.methods.contains(&forms.method.get_untracked()) {
        forms.method.set(first);
    }
    handle_form_actions(session, forms, data.missing.clone());
    let missing = data.missing.clone();
    let pay = move |event: Event| {
        event.prevent_default();
        match forms.read(&missing) {
            Ok(body) => session.pay(body, forms.method.get_untracked() != CARD),
            Err(id) => focus(&["#", id].concat()),
        }
    };
    let method_fields = move || {
        if forms.is_card() {
            return vec![card_fields(forms.card)];
        }
        let name = method::name(&forms.method.get());
        let text = fill("pay_with_text", "{method}", &name);
        vec![el("p").class("hint").text(&text)]
    };
    let security_note = move || {
        if forms.is_card() {
            t("safe")
        } else {
            String::new()
        }
    };
    let banner = move || {
        let banner = session.banner.get();
        let banner = banner.map(|text| el("p").id("error-banner").text(&text));
        banner.into_iter().collect()
    };
    let buyer = (!data.missing.is_empty()).then(|| buyer_fields(forms.buyer, &data.missing));
    let fields = el("fieldset")
        .class("fields")
        .reactive_flag("disabled", move || session.sending.get())
        .optional_child(buyer)
        .optional_child(chooser(&data.methods, forms.method))
        .child(el("div").reactive_children(method_fields));
    el("form")
        .attr("data-screen", "form")
        .attr("novalidate", "")
        .reactive_attr("aria-busy", move || {
            if session.sending.get() {
                "true"
            } else {
                "false"
            }
        })
        .on("submit", pay)
        .child(el("div").attr("role", "alert").reactive_children(banner))
        .child(fields)
        .child(pay_button(session, forms, price(&data)))
        .child(el("p").class("safe").reactive_text(security_note))
}

fn pay_button(session: Session, forms: Forms, amount: String) -> El {
    let label = move || {
        if session.sending.get() {
            t("paying")
        } else if forms.is_card() {
            fill("pay", "{amount}", &amount)
        } else {
            let name = method::name(&forms.method.get());
            [&fill("pay_with", "{method}", &name), " · ", &amount].concat()
        }
    };
    el("button")
        .id("pay")
        .class("main")
        .attr("type", "submit")
        .reactive_flag("disabled", move || session.sending.get())
        .reactive_text(label)
}

/// Applies the session's [`FormAction`]s to the form.
fn handle_form_actions(session: Session, forms: Forms, missing: Vec<BuyerField>) {
    let Forms { buyer, card, .. } = forms;
    effect(move || match session.form_action.get() {
        FormAction::None => {}
        FormAction::ShowErrors(fields) => {
            for field in fields {
                buyer.show_error(&field);
                card.show_error(&field);
            }
            if let Some(id) = buyer.first_error(&missing).or_else(|| card.first_error()) {
                focus(&["#", id].concat());
            }
        }
        // The live event may arrive before the response, while the fields are disabled.
        FormAction::Retry(_) if session.sending.get() => {}
        FormAction::Retry(code) => {
            card.clear_code();
            session.form_action.set(FormAction::None);
            spawn_local(async move {
                // Other effects of the same signals run first.
                TimeoutFuture::new(0).await;
                CardForm::focus_for_retry(code);
            });
        }
        FormAction::ClearCard => {
            card.clear();
            session.form_action.set(FormAction::None);
        }
    });
    // A security code is used for one payment: it is cleared as soon as the server has that payment.
    effect(move || {
        let submitted =
            |data: &Option<wire::Billing>| data.as_ref().is_some_and(|d| d.state.payment.is_some());
        if session.data.with(submitted) {
            card.clear_code();
        }
    });
}
