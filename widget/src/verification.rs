//! The payment system's verification form: in a frame here, or in a window of its own. The server
//! says when it is over, whatever the frame or the window does.

use crate::i18n::t;
use crate::session::Session;
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;
use till_shared::widget::Verification;

/// How long a form may take to load in the frame, in milliseconds, before the way out to a window
/// is pointed at: ad blockers and banks that refuse frames look the same from here.
const FRAME_PATIENCE: u32 = 8_000;

/// The screen while the buyer verifies.
#[component]
pub fn VerificationForm(session: Session) -> impl IntoView {
    let verification = Memo::new(move |_| {
        session
            .data
            .with(|d| d.as_ref().map(|d| d.state.verification.clone()))
    });
    let form = move || match verification.get() {
        Some(Verification::Frame { url }) => view! { <Frame session url /> }.into_any(),
        Some(Verification::Redirect { url }) => view! { <Elsewhere session url /> }.into_any(),
        Some(Verification::None) | None => ().into_any(),
    };
    view! {
        <div class="verification" data-screen="verification">
            <h2 tabindex="-1">{t().verify}</h2>
            {form}
            <button id="give-up" type="button" class="quiet" on:click=move |_| session.give_up()>
                {t().give_up}
            </button>
        </div>
    }
}

#[component]
fn Frame(session: Session, url: String) -> impl IntoView {
    let (loaded, slow) = (RwSignal::new(false), RwSignal::new(false));
    spawn_local(async move {
        TimeoutFuture::new(FRAME_PATIENCE).await;
        // The screen may be gone by now, and its signals with it.
        if loaded.try_get_untracked() == Some(false) {
            slow.set(true);
        }
    });
    let to = url.clone();
    view! {
        <Show when=move || !session.beside.get() fallback=|| view! { <p>{t().verify_window}</p> }>
            <iframe id="verification-frame" title=t().verify src=url.clone()
                on:load=move |_| loaded.set(true)></iframe>
        </Show>
        <p class="hint" class:strong=slow role="status">{t().verify_slow}</p>
        <button id="open-window" type="button" class="second"
            on:click=move |_| session.open_beside(&to)>{t().open_window}</button>
    }
}

#[component]
fn Elsewhere(session: Session, url: String) -> impl IntoView {
    let (to, tab) = (url.clone(), url);
    let framed = session.page().mode.framed();
    let open = move |_| match framed {
        true => session.open_beside(&to),
        false => session.leave_for(&to),
    };
    let text = move || match (framed, session.beside.get()) {
        (true, true) => t().verify_window,
        (true, false) => t().verify_elsewhere,
        (false, _) => t().verify_text,
    };
    view! {
        <p role="status">{text}</p>
        <button id="open-window" type="button" class="main" on:click=open>{t().open_bank}</button>
        {framed.then(|| view! {
            <button id="this-tab" type="button" class="second"
                on:click=move |_| session.leave_for(&tab)>{t().this_tab}</button>
        })}
    }
}

/// The screen while the payment's fate is open.
#[component]
pub fn Processing() -> impl IntoView {
    view! {
        <div class="message" data-screen="processing" role="status">
            <span class="mark turning" aria-hidden="true"></span>
            <h2>{t().processing}</h2>
            <p>{t().processing_text}</p>
        </div>
    }
}
