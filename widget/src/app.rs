//! The root view: the screens and the focus between them.

use crate::browser::{self, Mode};
use crate::dom::{El, button, effect, el, focus, message};
use crate::i18n::t;
use crate::outcome::{close_question, outcome};
use crate::pay_form::{Forms, pay_form};
use crate::session::{LoadError, Screen, Session};
use crate::summary::summary;
use crate::verification::{processing, verification};
use leptos::prelude::*;

/// Mounts the widget.
pub fn start() {
    let session = Session::start();
    let forms = Forms::new();
    let screen = Memo::new(move |_| session.screen());
    let shown = move || screen.get() != Screen::Loading;
    let body = move || match screen.get() {
        Screen::Loading => vec![],
        Screen::Failed => vec![failed(session)],
        Screen::Form => vec![pay_form(session, forms)],
        Screen::Verification => vec![verification(session)],
        Screen::Processing => vec![processing()],
        Screen::Paid | Screen::Refunded | Screen::Expired | Screen::Canceled => {
            vec![outcome(session, screen.get_untracked())]
        }
    };
    let offline = move || {
        if session.offline.get() && shown() {
            t("offline")
        } else {
            String::new()
        }
    };
    let top = move || {
        if shown() {
            vec![summary(session)]
        } else {
            vec![]
        }
    };
    let section = el("section")
        .class("screen")
        .child(
            el("p")
                .id("offline")
                .attr("role", "status")
                .reactive_text(offline),
        )
        .child(el("div").class("body").reactive_children(body));
    let all = el("div")
        .class("all")
        .reactive_flag("inert", move || session.closing.get())
        .child(el("div").class("top").reactive_children(top))
        .child(section);
    let close = move || {
        if !shown() || session.mode == Mode::Hosted {
            return vec![];
        }
        let close = button("close", "", "", move || session.ask_to_close());
        vec![close.attr("aria-label", &t("close"))]
    };
    let question = move || {
        if session.closing.get() {
            vec![close_question(session)]
        } else {
            vec![]
        }
    };
    el("main")
        .id("till")
        .reactive_flag("hidden", move || !shown())
        .child(el("div").reactive_children(close))
        .child(all)
        .child(el("div").reactive_children(question))
        .mount();
    effect(move || {
        if shown()
            && let Some(skeleton) = document().get_element_by_id("skeleton")
        {
            skeleton.remove();
        }
    });
    manage_focus(session, screen);
}

/// Moves the focus when the screen changes: to the first field, then to the heading of each new
/// screen. An inline widget takes no focus on its first screen.
fn manage_focus(session: Session, screen: Memo<Screen>) {
    let before = StoredValue::new(Screen::Loading);
    effect(move || {
        let (now, last) = (screen.get(), before.get_value());
        if !session.shown.get() || now == last {
            return;
        }
        before.set_value(now);
        match (now, last) {
            (Screen::Loading, _) => {}
            (Screen::Form, Screen::Loading) => {
                if matches!(session.mode, Mode::Iframe | Mode::Popup) {
                    let field = "#till input:not([type=radio]), #till select";
                    focus(if browser::may_focus() { field } else { "h1" });
                }
            }
            (Screen::Form, _) => focus("#cvc, #pay"),
            (_, Screen::Loading) if session.mode == Mode::Inline => {}
            _ => focus(".heading"),
        }
    });
    let asked = StoredValue::new(false);
    effect(move || {
        let asks = session.closing.get();
        if asks {
            focus("#stay");
        } else if asked.get_value() {
            focus(".heading, #pay");
        }
        asked.set_value(asks);
    });
}

fn failed(session: Session) -> El {
    match session.load_error.get_untracked() {
        Some(LoadError::Unreachable) => message(
            "failed",
            "mark bad",
            &t("load_failed"),
            &t("load_failed_text"),
            vec![button("retry", "main", &t("retry"), move || session.load())],
        ),
        _ => message(
            "failed",
            "mark bad",
            &t("bad_link"),
            &t("bad_link_text"),
            vec![],
        ),
    }
}
