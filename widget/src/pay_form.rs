//! The form: what is missing of the buyer, the ways to pay, and one button.

use crate::buyer_form::{BuyerForm, buyer_fields};
use crate::card_form::{CardForm, card_fields};
use crate::dom::{El, el, focus, follow, message};
use crate::i18n::{fill, t};
use crate::method::{self, CARD, chooser};
use crate::session::{Form, Session};
use crate::summary::price;
use crate::wire;
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;
use till_shared::buyer::BuyerField;
use web_sys::Event;

/// What is typed. It outlives the form, so that nothing is lost on the way.
#[derive(Clone, Copy)]
pub struct Forms {
    buyer: BuyerForm,
    card: CardForm,
    /// The chosen method's word; empty until there is a choice.
    method: RwSignal<String>,
}

impl Forms {
    /// Nothing typed.
    pub fn new() -> Self {
        Self {
            buyer: BuyerForm::new(),
            card: CardForm::new(),
            method: RwSignal::new(String::new()),
        }
    }

    fn by_card(&self) -> bool {
        self.method.with(|method| method == CARD)
    }

    /// The body of payment fixation, or the first field that won't do; then every error is shown.
    fn read(&self, missing: &[BuyerField]) -> Result<String, &'static str> {
        let by_card = self.method.get_untracked() == CARD;
        let buyer = self.buyer.read(missing);
        let card = by_card.then(|| self.card.read()).transpose();
        let (buyer, card) = (buyer?, card?);
        let method = self.method.get_untracked();
        Ok(wire::fixation(&method, &buyer, card.as_ref()))
    }
}

/// The form.
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
    obey(session, forms, data.missing.clone());
    let missing = data.missing.clone();
    let pay = move |event: Event| {
        event.prevent_default();
        match forms.read(&missing) {
            Ok(body) => session.pay(body, forms.method.get_untracked() != CARD),
            Err(id) => focus(&["#", id].concat()),
        }
    };
    let way = move || match forms.by_card() {
        true => vec![card_fields(forms.card)],
        false => {
            let name = method::name(&forms.method.get());
            let text = fill("pay_with_text", "{method}", &name);
            vec![el("p").class("hint").text(&text)]
        }
    };
    let safe = move || match forms.by_card() {
        true => t("safe"),
        false => String::new(),
    };
    let banner = move || {
        let banner = session.banner.get();
        let banner = banner.map(|text| el("p").id("error-banner").text(&text));
        banner.into_iter().collect()
    };
    let buyer = (!data.missing.is_empty()).then(|| buyer_fields(forms.buyer, &data.missing));
    let fields = el("fieldset")
        .class("fields")
        .live_flag("disabled", move || session.sending.get())
        .maybe(buyer)
        .maybe(chooser(&data.methods, forms.method))
        .child(el("div").live_children(way));
    el("form")
        .attr("data-screen", "form")
        .attr("novalidate", "")
        .live_attr("aria-busy", move || match session.sending.get() {
            true => "true",
            false => "false",
        })
        .on("submit", pay)
        .child(el("div").attr("role", "alert").live_children(banner))
        .child(fields)
        .child(pay_button(session, forms, price(&data)))
        .child(el("p").class("safe").live_text(safe))
}

fn pay_button(session: Session, forms: Forms, amount: String) -> El {
    let label = move || match session.sending.get() {
        true => t("paying"),
        false if forms.by_card() => fill("pay", "{amount}", &amount),
        false => {
            let name = method::name(&forms.method.get());
            [&fill("pay_with", "{method}", &name), " · ", &amount].concat()
        }
    };
    el("button")
        .id("pay")
        .class("main")
        .attr("type", "submit")
        .live_flag("disabled", move || session.sending.get())
        .live_text(label)
}

/// Does what the session asks of the form.
fn obey(session: Session, forms: Forms, missing: Vec<BuyerField>) {
    let Forms { buyer, card, .. } = forms;
    follow(move || match session.form.get() {
        Form::Quiet => {}
        Form::Refused(fields) => {
            for field in fields {
                buyer.refuse(&field);
                card.refuse(&field);
            }
            if let Some(id) = buyer.first_error(&missing).or_else(|| card.first_error()) {
                focus(&["#", id].concat());
            }
        }
        // The event may be here before the answer, while the fields are still closed.
        Form::Declined(_) if session.sending.get() => {}
        Form::Declined(code) => {
            card.forget_code();
            session.form.set(Form::Quiet);
            spawn_local(async move {
                // What follows the same signals comes first.
                TimeoutFuture::new(0).await;
                CardForm::focus_after(code);
            });
        }
        Form::Forget => {
            card.forget();
            session.form.set(Form::Quiet);
        }
    });
    // A code is good for one payment: it is gone as soon as that payment has been taken.
    follow(move || {
        let taken =
            |data: &Option<wire::Billing>| data.as_ref().is_some_and(|d| d.state.payment.is_some());
        if session.data.with(taken) {
            card.forget_code();
        }
    });
}
