//! How it ended.

use crate::host::Mode;
use crate::i18n::t;
use crate::session::{Screen, Session};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;

/// How long the outcome is shown before the buyer is taken back, in milliseconds.
const SHOWN: u32 = 5_000;

/// The last screen. It stays until the buyer closes it or, on the hosted page, is taken back.
#[component]
pub fn Outcome(session: Session, screen: Screen) -> impl IntoView {
    let data = session.data.get_untracked()?;
    let shop = data.project.name.clone();
    let (word, mark, title, text) = match screen {
        Screen::Paid => ("paid", "good", t().paid, t().paid_text.replace("{}", &shop)),
        Screen::Refunded => (
            "refunded",
            "good",
            t().refunded,
            t().refunded_text.to_owned(),
        ),
        Screen::Canceled => (
            "canceled",
            "bad",
            t().canceled,
            t().canceled_text.to_owned(),
        ),
        _ => ("expired", "bad", t().expired, t().expired_text.to_owned()),
    };
    let card = data.state.payment.as_ref().and_then(|p| p.card.as_ref());
    let card = card.filter(|_| screen == Screen::Paid).map(|card| {
        let text = t().paid_with.replacen("{}", card.brand.display_name(), 1);
        view! { <p class="hint">{text.replacen("{}", &card.last4, 1)}</p> }
    });
    let mode = session.page().mode;
    let next = Memo::new(move |_| {
        session
            .data
            .with(|d| d.as_ref()?.state.continue_url.clone())
    });
    Effect::new(move |_| {
        if let (Mode::Hosted, Some(url)) = (mode, next.get()) {
            spawn_local(async move {
                TimeoutFuture::new(SHOWN).await;
                // The address was checked when the project gave it.
                let _ = window().location().assign(&url);
            });
        }
    });
    let back = t().back_to_shop.replace("{}", &shop);
    let go_on = move || {
        let back = back.clone();
        let link = move |url| {
            view! {
                <p class="hint">{t().taking_you_back}</p>
                <a id="continue" class="main" href=url>{back}</a>
            }
        };
        match mode {
            Mode::Hosted => next.get().map(link).into_any(),
            Mode::Iframe | Mode::Inline | Mode::Popup => view! {
                <button id="done" type="button" class="main" on:click=move |_| session.close()>
                    {t().done}
                </button>
            }
            .into_any(),
        }
    };
    Some(view! {
        <div class="message" data-screen=word role="status">
            <span class=format!("mark {mark}") aria-hidden="true"></span>
            <h2 tabindex="-1">{title}</h2>
            <p>{text}</p>
            {card}
            {go_on}
        </div>
    })
}

/// Asked before the widget closes over a payment whose fate is open.
#[component]
pub fn CloseQuestion(session: Session) -> impl IntoView {
    Effect::new(|_| crate::field::focus("stay"));
    view! {
        <div class="question" data-screen="confirm-close" role="alertdialog" aria-modal="true"
            aria-labelledby="question" aria-describedby="question-text">
            <h2 id="question">{t().leave}</h2>
            <p id="question-text">{t().leave_text}</p>
            <button id="stay" type="button" class="main"
                on:click=move |_| session.closing.set(false)>{t().stay}</button>
            <button id="leave" type="button" class="quiet"
                on:click=move |_| session.close()>{t().leave_now}</button>
        </div>
    }
}
