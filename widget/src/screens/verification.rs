//! The verification screen: the payment system's form in a frame or in a separate window. The server
//! reports when the verification is complete.

use super::parts::Button;
use crate::forms::{method_name, page_label, page_text};
use crate::host;
use crate::i18n::{fill, t};
use crate::once::{once, reactive};
use crate::state::Session;
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;
use till_shared::payment::Method;
use till_shared::widget::Verification;

/// The time for the form to load in the frame, in milliseconds. After it the hint to open a window is
/// highlighted: the widget cannot detect a frame that an ad blocker or the bank's headers block.
const FRAME_TIMEOUT: u32 = 8_000;

/// The screen.
#[component]
pub fn VerificationForm(session: Session) -> impl IntoView {
    let state = session.known()?;
    // The method, if its page is more than the bank's confirmation.
    let method = state.payment.map(|payment| payment.method);
    let hosted = session.bill()?.hosts_card();
    let method = method.filter(|method| *method != Method::Card || hosted);
    let title = match method {
        Some(Method::Card) => t("card_page"),
        Some(method) => fill("complete_with", "{method}", &method_name(method)),
        None => t("verify"),
    };
    let name = title.clone();
    let form = match state.verification {
        Verification::Frame { url } => once(move || view! { <Frame session url name/> }),
        Verification::Redirect { url } => once(move || view! { <External session url method/> }),
        Verification::None => return None,
    };
    Some(view! {
        <div class="verification" data-screen="verification">
            <h2 class="heading" tabindex="-1">
                {title}
            </h2>
            {form}
            <Button
                id="cancel-payment"
                class="quiet"
                label=t("cancel_payment")
                press=Box::new(move || session.cancel_payment())
            />
        </div>
    })
}

/// The form in a frame.
#[component]
fn Frame(session: Session, url: String, name: String) -> impl IntoView {
    let (loaded, slow) = (RwSignal::new(false), RwSignal::new(false));
    spawn_local(async move {
        TimeoutFuture::new(FRAME_TIMEOUT).await;
        // The screen may have been removed, and its signals with it.
        if loaded.try_get_untracked() == Some(false) {
            slow.set(true);
        }
    });
    let to = url.clone();
    let frame = move || {
        let (src, title) = (url.clone(), name.clone());
        if session.window_open.get() {
            return Some(once(|| view! { <p>{t("verify_window")}</p> }));
        }
        Some(once(move || {
            view! {
                <iframe
                    id="verification-frame"
                    title=title
                    src=src
                    // Banks check passkeys.
                    allow="publickey-credentials-get *"
                    on:load=move |_| loaded.set(true)
                ></iframe>
            }
        }))
    };
    view! {
        <div>{reactive(frame)}</div>
        <p role="status" class=reactive(move || if slow.get() { "hint strong" } else { "hint" })>
            {t("verify_slow")}
        </p>
        <Button
            id="open-window"
            class="second"
            label=t("open_window")
            press=Box::new(move || session.open_verification_window(&to))
        />
    }
}

/// The form in a window, or in this tab.
#[component]
fn External(
    session: Session,
    url: String,
    #[prop(optional_no_strip)] method: Option<Method>,
) -> impl IntoView {
    let framed = session.mode.framed();
    let text = move || match (framed, session.window_open.get()) {
        (true, true) => t("verify_window"),
        _ if method == Some(Method::Card) => page_text(Method::Card),
        (true, false) => t("verify_elsewhere"),
        (false, _) => t("verify_text"),
    };
    let label = match method {
        Some(method) => page_label(method),
        None => t("open_bank"),
    };
    let tab = url.clone();
    let press = move || {
        if framed {
            session.open_verification_window(&url);
        } else {
            host::redirect(&url);
        }
    };
    let this_tab = framed.then(|| {
        let press = Box::new(move || host::redirect(&tab));
        once(|| view! { <Button id="this-tab" class="second" label=t("this_tab") press/> })
    });
    view! {
        <p role="status">{reactive(text)}</p>
        <Button id="open-window" class="main" label press=Box::new(press)/>
        {this_tab}
    }
}
