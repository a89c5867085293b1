//! The screens.

use crate::buyer_form::{BuyerFields, BuyerForm};
use crate::card_form::{CardFields, CardForm};
use crate::field::focus;
use crate::format::money;
use crate::host::{Mode, on_window};
use crate::i18n::t;
use crate::outcome::{CloseQuestion, Outcome};
use crate::session::{Form, Screen, Session, Trouble};
use crate::verification::{Processing, VerificationForm};
use leptos::prelude::*;
use till_shared::message::ToPage;
use till_shared::payment::Method;
use till_shared::widget::{BillingData, FixPayment, Theme};
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{HtmlElement, KeyboardEvent, ResizeObserver, SubmitEvent};

/// The widget.
#[component]
pub fn App() -> impl IntoView {
    let session = Session::begin();
    let (buyer, card) = (BuyerForm::new(), CardForm::new());
    let screen = Memo::new(move |_| session.screen());
    Effect::new(move |_| dress(session));
    Effect::new(move |_| {
        if screen.get() != Screen::Loading
            && let Some(skeleton) = document().get_element_by_id("skeleton")
        {
            skeleton.remove();
        }
    });
    on_window("keydown", move |event| {
        let escape = event
            .dyn_ref::<KeyboardEvent>()
            .is_some_and(|e| e.key() == "Escape");
        if escape && session.page().mode != Mode::Hosted {
            session.ask_to_close();
        }
    });
    report_height(session);
    let closable = session.page().mode != Mode::Hosted;
    let show = move || match screen.get() {
        Screen::Loading => ().into_any(),
        Screen::Failed => view! { <Failed session /> }.into_any(),
        Screen::Form => view! { <PayForm session buyer card /> }.into_any(),
        Screen::Verification => view! { <VerificationForm session /> }.into_any(),
        Screen::Processing => view! { <Processing /> }.into_any(),
        Screen::Paid | Screen::Refunded | Screen::Expired | Screen::Canceled => {
            view! { <Outcome session screen=screen.get() /> }.into_any()
        }
    };
    view! {
        <main id="till" data-mode=mode_word(session) hidden=move || screen.get() == Screen::Loading>
            <Show when=move || closable>
                <button id="close" type="button" aria-label=t().close
                    on:click=move |_| session.ask_to_close()>"×"</button>
            </Show>
            <Show when=move || session.data.with(Option::is_some)>
                <Summary session />
            </Show>
            <section class="screen" inert=move || session.closing.get()>{show}</section>
            <Show when=move || session.closing.get()>
                <CloseQuestion session />
            </Show>
        </main>
    }
}

fn mode_word(session: Session) -> &'static str {
    match session.page().mode {
        Mode::Hosted => "hosted",
        Mode::Iframe => "iframe",
        Mode::Inline => "inline",
        Mode::Popup => "popup",
    }
}

/// The buyer's locale: the page's, the order's, the browser's.
pub fn locale(session: Session) -> String {
    let ordered = session.data.with_untracked(|d| d.as_ref()?.locale.clone());
    let own = || window().navigator().language();
    let locale = session.page().locale.or(ordered).or_else(own);
    locale.unwrap_or_else(|| "en".into())
}

/// What is paid, in the buyer's way of writing.
pub fn price(session: Session, data: &BillingData) -> String {
    money(&locale(session), data.amount, data.currency)
}

/// Sets colours and language on the document. Through the CSSOM, which a content security policy
/// permits where it forbids style attributes.
fn dress(session: Session) {
    let Some(root) = document().document_element() else {
        return;
    };
    let Ok(root) = root.dyn_into::<HtmlElement>() else {
        return;
    };
    root.set_lang(t().lang);
    let known = session
        .data
        .with(|d| d.as_ref().map(|d| (d.theme, d.accent.clone())));
    let (theme, accent) = known.unwrap_or((Theme::Auto, None));
    let theme = session.page().theme.unwrap_or(theme);
    // Setting an attribute of a plain name has no way to fail; nor has the rest here.
    let _ = root.set_attribute("data-theme", theme.as_str());
    if let Some((accent, on_accent)) = accent.as_deref().and_then(accent_colours) {
        let style = root.style();
        let _ = style.set_property("--accent", accent);
        let _ = style.set_property("--on-accent", on_accent);
    }
    if let Some(name) = session
        .data
        .with(|d| d.as_ref().map(|d| d.project.name.clone()))
    {
        document().set_title(&name);
    }
}

/// An accent `#rrggbb`, and black or white, whichever is read better on it (WCAG 2.2, relative
/// luminance, without its gamma: the choice is the same but for a narrow band in the middle).
fn accent_colours(accent: &str) -> Option<(&str, &'static str)> {
    let hex = accent.strip_prefix('#').filter(|hex| hex.len() == 6)?;
    let rgb = u32::from_str_radix(hex, 16).ok()?;
    let part = |shift: u32| (rgb >> shift) & 0xff;
    let light = part(16) * 213 + part(8) * 715 + part(0) * 72;
    Some((accent, if light > 150 * 1000 { "#111" } else { "#fff" }))
}

/// Tells the page around how high the content is, whenever that changes.
fn report_height(session: Session) {
    if !session.page().mode.framed() {
        return;
    }
    let report = Closure::<dyn Fn()>::new(move || {
        if let Some(root) = document().document_element() {
            let height = root.get_bounding_client_rect().height().ceil();
            session.page().post(&ToPage::Resize {
                height: height as u32,
            });
        }
    });
    if let (Ok(observer), Some(root)) = (
        ResizeObserver::new(report.as_ref().unchecked_ref()),
        document().document_element(),
    ) {
        observer.observe(&root);
    }
    report.forget();
}

/// Who sells what for how much.
#[component]
fn Summary(session: Session) -> impl IntoView {
    let data = session.data.get_untracked()?;
    let amount = price(session, &data);
    let locale = locale(session);
    let items = data.items.iter().map(|item| {
        let each = money(&locale, item.amount, data.currency);
        view! {
            <li><span>{item.name.clone()}</span><span>{format!("{} × {each}", item.quantity)}</span></li>
        }
    });
    let items = items.collect_view();
    Some(view! {
        <header class="summary">
            <p class="seller">
                {data.project.name.clone()}
                {data.test.then(|| view! { <span class="test">{t().test_mode}</span> })}
            </p>
            <h1 class="amount">{amount}</h1>
            {data.description.clone().map(|text| view! { <p class="description">{text}</p> })}
            {(!data.items.is_empty()).then(|| view! {
                <details class="items"><summary>{t().items}</summary><ul>{items}</ul></details>
            })}
        </header>
    })
}

#[component]
fn Failed(session: Session) -> impl IntoView {
    let unreachable = session.trouble.get_untracked() == Some(Trouble::Unreachable);
    let (title, text) = match unreachable {
        true => (t().load_failed, t().load_failed_text),
        false => (t().bad_link, t().bad_link_text),
    };
    view! {
        <div class="message" data-screen="failed" role="alert">
            <span class="mark bad" aria-hidden="true">"!"</span>
            <h2>{title}</h2>
            <p>{text}</p>
            {unreachable.then(|| view! {
                <button id="retry" type="button" class="main" on:click=move |_| session.load()>
                    {t().retry}
                </button>
            })}
        </div>
    }
}

#[component]
fn PayForm(session: Session, buyer: BuyerForm, card: CardForm) -> impl IntoView {
    let data = session.data.get_untracked()?;
    let label = t().pay.replace("{}", &price(session, &data));
    let missing = data.missing.clone();
    if data.methods.is_empty() {
        return Some(
            view! {
                <div class="message" data-screen="form" role="alert"><p>{t().no_method}</p></div>
            }
            .into_any(),
        );
    }
    let asked = missing.clone();
    let pay = move |event: SubmitEvent| {
        event.prevent_default();
        let (buyer, card) = (buyer.read(&asked), card.read());
        match (buyer, card) {
            (Ok(buyer), Ok(card)) => session.pay(FixPayment {
                method: Method::Card,
                buyer,
                card: Some(card),
            }),
            (Err(id), _) | (_, Err(id)) => focus(id),
        }
    };
    let asked = missing.clone();
    Effect::new(move |_| match session.form.get() {
        Form::Quiet => {}
        Form::Refused(errors) => {
            for error in errors {
                buyer.refuse(&error.field);
                card.refuse(&error.field);
            }
            if let Some(id) = buyer.first_error(&asked).or_else(|| card.first_error()) {
                focus(id);
            }
        }
        Form::Declined(code) => {
            card.forget_code();
            CardForm::focus_after(code);
            session.form.set(Form::Quiet);
        }
    });
    // A code is good for one payment: it is gone as soon as that payment has been taken.
    Effect::new(move |_| {
        if session
            .data
            .with(|d| d.as_ref().is_some_and(|d| d.state.payment.is_some()))
        {
            card.forget_code();
        }
    });
    let sending = session.sending;
    Some(view! {
        <form data-screen="form" novalidate on:submit=pay aria-busy=move || sending.get().to_string()>
            <div role="alert">
                {move || session.banner.get().map(|text| view! { <p id="error-banner">{text}</p> })}
            </div>
            <fieldset class="all" disabled=sending>
                {(!missing.is_empty()).then(|| view! {
                    <BuyerFields form=buyer missing=missing.clone() locale=locale(session) />
                })}
                <CardFields form=card />
            </fieldset>
            <button id="pay" type="submit" class="main" disabled=sending class:busy=sending>
                {move || if sending.get() { t().paying.to_owned() } else { label.clone() }}
            </button>
            <p class="safe">{t().safe}</p>
        </form>
    }
    .into_any())
}
