//! Tests of components in a browser, run by wasm-bindgen-test.

use crate::api::{Billing, State};
use crate::forms::{BuyerFields, CardFields, Forms};
use crate::host::Mode;
use crate::once::once;
use crate::screens::Outcome;
use crate::state::{Data, Screen, Session};
use gloo_timers::future::TimeoutFuture;
use leptos::mount::mount_to;
use leptos::prelude::*;
use till_shared::buyer::BuyerField;
use till_shared::invoice::InvoiceStatus;
use till_shared::widget::{Bill, ProjectInfo, Theme, Verification};
use wasm_bindgen::JsCast;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{Event, HtmlElement, HtmlInputElement};

wasm_bindgen_test_configure!(run_in_browser);

/// Mounts a view into an element of its own, which is removed at the end.
struct Mounted {
    root: HtmlElement,
    view: Box<dyn std::any::Any>,
}

impl Mounted {
    fn new<V: IntoView + 'static>(view: impl FnOnce() -> V + 'static) -> Self {
        let root = document().create_element("div").unwrap();
        let root: HtmlElement = root.unchecked_into();
        document().body().unwrap().append_child(&root).unwrap();
        let view = Box::new(mount_to(root.clone(), view));
        Self { root, view }
    }

    fn find(&self, css: &str) -> Option<HtmlElement> {
        let found = self.root.query_selector(css).unwrap();
        found.map(JsCast::unchecked_into)
    }

    fn text(&self, css: &str) -> String {
        self.find(css).unwrap().inner_text()
    }

    fn input(&self, id: &str) -> HtmlInputElement {
        self.find(&["#", id].concat()).unwrap().unchecked_into()
    }

    /// Enters a text as autofill does.
    async fn enter(&self, id: &str, text: &str) {
        let input = self.input(id);
        input.set_value(text);
        for name in ["input", "blur"] {
            input.dispatch_event(&Event::new(name).unwrap()).unwrap();
            tick().await;
        }
    }

    fn is_invalid(&self, id: &str) -> bool {
        self.input(id).get_attribute("aria-invalid").as_deref() == Some("true")
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.view = Box::new(());
        self.root.remove();
    }
}

/// Lets effects and what follows an event run.
async fn tick() {
    TimeoutFuture::new(0).await;
}

#[wasm_bindgen_test]
async fn the_card_form_formats_checks_and_reads() {
    let forms = Forms::new();
    let card = forms.card;
    let page = Mounted::new(move || view! { <CardFields form=card/> });
    tick().await;

    page.enter("number", "4242424242424241").await;
    assert_eq!(page.input("number").value(), "4242 4242 4242 4241");
    assert!(page.is_invalid("number"));
    assert_eq!(page.text(".brand"), "Visa");
    page.enter("number", "\u{661}").await;
    page.enter("number", "4242424242424242").await;
    assert!(!page.is_invalid("number"));

    assert_eq!(card.read().err(), Some("expiry"));
    tick().await;
    assert!(page.is_invalid("expiry") && page.is_invalid("cvc") && !page.is_invalid("holder"));

    page.enter("expiry", "2039-12").await;
    assert_eq!(page.input("expiry").value(), "12 / 39");
    // Without an event.
    page.input("cvc").set_value("123");
    let read = card.read().unwrap();
    assert_eq!((read.exp_month, read.exp_year), (12, 2039));
    assert_eq!((&*read.number, &*read.cvc), ("4242424242424242", "123"));

    card.clear();
    tick().await;
    assert_eq!(page.input("number").value(), "");
}

#[wasm_bindgen_test]
async fn the_buyer_form_asks_for_what_is_missing() {
    let buyer = Forms::new().buyer;
    let missing = [BuyerField::Email, BuyerField::Phone, BuyerField::Country];
    let page = Mounted::new(move || view! { <BuyerFields form=buyer missing=missing.to_vec()/> });
    tick().await;
    assert!(page.find("#buyer-name").is_none());
    assert_eq!(
        page.find("#buyer-country").unwrap().child_element_count(),
        250
    );

    assert_eq!(buyer.read(&missing).err(), Some("buyer-email"));
    tick().await;
    assert!(page.is_invalid("buyer-email") && page.is_invalid("buyer-country"));

    page.enter("buyer-email", " b@shop.example ").await;
    assert!(!page.is_invalid("buyer-email"));
    page.enter("buyer-phone", "+\u{664}\u{669} 30 1234567")
        .await;
    let country = page.find("#buyer-country").unwrap();
    js_sys::Reflect::set(&country, &"value".into(), &"CH".into()).unwrap();
    country
        .dispatch_event(&Event::new("change").unwrap())
        .unwrap();
    let read = buyer.read(&missing).unwrap();
    assert_eq!(read.email.as_deref(), Some("b@shop.example"));
    assert_eq!(read.phone.as_deref(), Some("+49 30 1234567"));
    assert_eq!((read.country.as_deref(), read.name), (Some("CH"), None));
}

fn billing(status: InvoiceStatus) -> Data {
    Data::Loaded(Box::new(Billing {
        bill: Bill {
            project: ProjectInfo {
                name: "Shop <b>".into(),
                logo_url: None,
            },
            amount: 1999,
            currency: "EUR".into(),
            exponent: 2,
            description: None,
            items: vec![],
            missing: vec![],
            methods: vec![],
            theme: Theme::Auto,
            accent: None,
            locale: None,
            expires_at: "2030-01-01T00:00:00Z".into(),
            test: true,
        },
        state: State {
            status,
            payment: None,
            verification: Verification::None,
            continue_url: None,
        },
    }))
}

#[wasm_bindgen_test]
async fn the_outcome_can_be_closed_in_a_frame_only() {
    for (mode, closable) in [(Mode::Inline, true), (Mode::Hosted, false)] {
        for screen in [
            Screen::Paid,
            Screen::Refunded,
            Screen::Expired,
            Screen::Canceled,
        ] {
            let session = Session::new(mode, true, false);
            session.data.set(billing(InvoiceStatus::Paid));
            let page = Mounted::new(move || view! { <Outcome session screen/> });
            tick().await;
            let shown = ["[data-screen=", screen.as_str(), "]"].concat();
            assert!(page.find(&shown).is_some(), "{screen:?}");
            let good = matches!(screen, Screen::Paid | Screen::Refunded);
            assert_eq!(page.find(".mark.good").is_some(), good, "{screen:?}");
            assert_eq!(page.find("#done").is_some(), closable, "{mode:?}");
        }
    }
}

/// Counts what is dropped.
struct Dropped(RwSignal<u32>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.update(|count| *count += 1);
    }
}

#[wasm_bindgen_test]
async fn a_view_that_is_built_once_is_replaced_and_cleaned_up() {
    let (shown, count) = (RwSignal::new(1), RwSignal::new(0));
    let effects = RwSignal::new(0);
    let page = Mounted::new(move || {
        let part = move || {
            let n = shown.get();
            (n > 0).then(|| {
                once(move || {
                    let dropped = Dropped(count);
                    let inner = move || {
                        let _ = &dropped;
                        effects.get()
                    };
                    let nested = move || (effects.get() >= 0).then(|| once(|| view! { <i></i> }));
                    view! { <b>{n}</b> <u>{inner}</u> {nested} }
                })
            })
        };
        view! { <p>"before" {part} "after"</p> }
    });
    tick().await;
    assert_eq!(page.text("p"), "before10after");
    // Inside the view only its own parts change, in their place.
    let kept = page.find("b").unwrap();
    effects.set(5);
    tick().await;
    assert_eq!(
        (page.text("p").as_str(), count.get_untracked()),
        ("before15after", 0)
    );
    assert_eq!(page.find("b"), Some(kept));
    // Another view takes its place, and the first is cleaned up.
    shown.set(2);
    tick().await;
    assert_eq!(
        (page.text("p").as_str(), count.get_untracked()),
        ("before25after", 1)
    );
    shown.set(0);
    tick().await;
    assert_eq!(
        (page.text("p").as_str(), count.get_untracked()),
        ("beforeafter", 2)
    );
    shown.set(3);
    tick().await;
    assert_eq!(page.text("p"), "before35after");
    assert!(page.find("i").is_some() && page.find("i ~ i").is_none());
    drop(page);
    tick().await;
    assert_eq!(count.get_untracked(), 3);
}
