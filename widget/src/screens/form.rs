//! The payment form: missing buyer details, payment methods and the Pay button.

use super::parts::Message;
use super::summary::price;
use crate::focus::focus_id;
use crate::forms::{
    BuyerFields, CardFields, Forms, MethodChoice, field_to_correct, page_label, page_text,
};
use crate::i18n::{fill, t};
use crate::once::{Once, effect, once, reactive};
use crate::state::{FormAction, Session};
use gloo_timers::future::TimeoutFuture;
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;
use till_shared::buyer::BuyerField;
use till_shared::widget::Bill;

/// The screen.
#[component]
pub fn PayForm(session: Session, forms: Forms) -> impl IntoView {
    let bill = session.bill()?;
    let Some(first) = bill.methods.first() else {
        let title = t("no_method");
        return Some(once(|| {
            view! { <Message screen="form" mark="mark bad" title text=String::new() more=None/> }
        }));
    };
    let chosen = forms.method.get_untracked();
    if !bill.methods.iter().any(|info| info.method == chosen) {
        forms.method.set(first.method);
    }
    forms.takes_card.set(!bill.hosts_card());
    act_on(session, forms, bill.missing.clone());
    Some(once(move || view! { <Form session forms bill/> }))
}

#[component]
fn Form(session: Session, forms: Forms, bill: Bill) -> impl IntoView {
    let amount = price(&bill);
    let Bill {
        missing, methods, ..
    } = bill;
    let asked = missing.clone();
    let pay = move |event: SubmitEvent| {
        event.prevent_default();
        match forms.read(&asked) {
            Ok(fix) => {
                let external = fix.card.is_none();
                session.pay(fix, external);
            }
            Err(id) => {
                // It is about an earlier press.
                session.banner.set(None);
                focus_id(id);
            }
        }
    };
    let banner = move || {
        let banner = session.banner.get();
        banner.map(|text| once(|| view! { <p id="error-banner">{text}</p> }))
    };
    let buyer = (!missing.is_empty())
        .then(|| once(move || view! { <BuyerFields form=forms.buyer missing/> }));
    let choice = (methods.len() > 1)
        .then(|| once(move || view! { <MethodChoice methods chosen=forms.method/> }));
    let note = move || {
        if forms.is_card() {
            t("safe")
        } else {
            String::new()
        }
    };
    let sending = session.sending;
    view! {
        <form
            data-screen="form"
            novalidate=true
            aria-busy=reactive(move || if sending.get() { "true" } else { "false" })
            on:submit=pay
        >
            <div role="alert">{reactive(banner)}</div>
            <fieldset class="fields" disabled=reactive(move || sending.get())>
                {buyer}
                {choice}
                <div>{reactive(move || method_fields(forms))}</div>
            </fieldset>
            <iframe id="captcha" title=t("captcha") height="90" hidden></iframe>
            <button id="pay" class="main" type="submit" disabled=reactive(move || sending.get())>
                {reactive(move || pay_label(session, forms, &amount))}
            </button>
            <p class="safe">{reactive(note)}</p>
        </form>
    }
}

fn method_fields(forms: Forms) -> Option<Once> {
    if forms.is_card() {
        return Some(once(move || view! { <CardFields form=forms.card/> }));
    }
    let text = page_text(forms.method.get());
    Some(once(|| view! { <p class="hint">{text}</p> }))
}

fn pay_label(session: Session, forms: Forms, amount: &str) -> String {
    if session.sending.get() {
        t("paying")
    } else if forms.is_card() {
        fill("pay", "{amount}", amount)
    } else {
        [&page_label(forms.method.get()), " · ", amount].concat()
    }
}

/// Applies the session's [`FormAction`]s to the form.
fn act_on(session: Session, forms: Forms, missing: Vec<BuyerField>) {
    effect(move || match session.form_action.get() {
        FormAction::None => {}
        FormAction::ShowErrors(fields) => {
            match forms.show_errors(&missing, &fields) {
                Some(id) => focus_id(id),
                // The form has no such field: the project's accounts have changed.
                None => session.banner.set(Some(t("unavailable"))),
            }
        }
        // The live event may arrive before the response, while the fields are disabled.
        FormAction::Retry(_) if session.sending.get() => {}
        FormAction::Retry(code) => {
            forms.card.clear_code();
            session.form_action.set(FormAction::None);
            spawn_local(async move {
                // Other effects of the same signals run first.
                TimeoutFuture::new(0).await;
                focus_id(field_to_correct(code));
            });
        }
        FormAction::ClearCard => {
            forms.card.clear();
            session.form_action.set(FormAction::None);
        }
    });
    // A security code is used for one payment: it is cleared as soon as the server has that payment.
    effect(move || {
        let submitted = session.data.with(|data| {
            data.loaded()
                .is_some_and(|data| data.state.payment.is_some())
        });
        if submitted {
            forms.card.clear_code();
        }
    });
}
