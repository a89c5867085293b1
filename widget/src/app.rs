//! The root component: the screens and what surrounds them.

use crate::focus::follow_screens;
use crate::forms::Forms;
use crate::host::Mode;
use crate::i18n::t;
use crate::once::{Once, once, reactive};
use crate::screens::*;
use crate::state::{Screen, Session};
use leptos::prelude::*;

/// The widget.
#[component]
pub fn App() -> impl IntoView {
    let session = Session::start();
    let forms = Forms::new();
    let screen = Memo::new(move |_| session.screen());
    let shown = move || screen.get() != Screen::Loading;
    follow_screens(session, forms, screen);
    let close = move || {
        let closable = shown() && session.mode != Mode::Hosted;
        closable.then(|| once(move || view! { <Close session/> }))
    };
    let summary = move || shown().then(|| once(move || view! { <Summary session/> }));
    let offline = move || {
        if session.offline.get() && shown() {
            t("offline")
        } else {
            String::new()
        }
    };
    let question = move || {
        let asks = session.closing.get();
        asks.then(|| once(move || view! { <CloseQuestion session/> }))
    };
    view! {
        <main id="till" hidden=reactive(move || !shown())>
            <div>{reactive(close)}</div>
            <div class="all" inert=reactive(move || session.closing.get())>
                <div class="top">{reactive(summary)}</div>
                <section class="screen">
                    <p id="offline" role="status">
                        {reactive(offline)}
                    </p>
                    <div class="body">{reactive(move || body(session, forms, screen.get()))}</div>
                </section>
            </div>
            <div>{reactive(question)}</div>
        </main>
    }
}

fn body(session: Session, forms: Forms, screen: Screen) -> Option<Once> {
    Some(match screen {
        Screen::Loading => return None,
        Screen::Failed => once(move || view! { <Failed session/> }),
        Screen::Form => once(move || view! { <PayForm session forms/> }),
        Screen::Verification => once(move || view! { <VerificationForm session/> }),
        Screen::Processing => once(|| view! { <Processing/> }),
        Screen::Paid | Screen::Refunded | Screen::Expired | Screen::Canceled => {
            once(move || view! { <Outcome session screen/> })
        }
    })
}

#[component]
fn Close(session: Session) -> impl IntoView {
    view! {
        <button
            id="close"
            type="button"
            aria-label=t("close")
            on:click=move |_| session.ask_to_close()
        ></button>
    }
}
