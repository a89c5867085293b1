//! What is around the widget: the page that opened it, the window, and what `boot.js` began.

use crate::{clock, json};
use gloo_net::http::Response;
use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, Date, JSON, Promise};
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::cell::RefCell;
use std::rc::Rc;
use till_shared::id::InvoiceId;
use till_shared::message::{Destination, InvoiceAndToken, Returned, Size, ToPage, ToWidget};
use till_shared::widget::BrowserInfo;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Event, HtmlElement, KeyboardEvent, MessageEvent, PageTransitionEvent, ResizeObserver,
    UrlSearchParams, Window,
};

#[wasm_bindgen]
extern "C" {
    type Boot;
    #[wasm_bindgen(thread_local_v2, js_name = till)]
    static BOOT: Boot;
    /// The id of the project that the server made this page for.
    #[wasm_bindgen(method, getter)]
    fn project(this: &Boot) -> Option<String>;
    /// The invoice that it made it for; none for a preloaded frame.
    #[wasm_bindgen(method, getter)]
    fn invoice(this: &Boot) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn token(this: &Boot) -> Option<String>;
    /// Whether the page sends [`ToWidget::Open`] later.
    #[wasm_bindgen(method, getter)]
    fn preloaded(this: &Boot) -> bool;
    /// The texts in the language of the page.
    #[wasm_bindgen(method, getter)]
    fn texts(this: &Boot) -> Promise;
    /// The response to the first request for billing data, once for each invoice.
    #[wasm_bindgen(method)]
    fn billing(this: &Boot, invoice: &str) -> Option<Promise>;
    /// Shows the captcha of this URL. Resolves with the token of its solution.
    #[wasm_bindgen(method)]
    fn solve(this: &Boot, url: &str) -> Promise;
    /// Takes the key for cards from the text of billing data.
    #[wasm_bindgen(method, js_name = setKey)]
    fn set_key(this: &Boot, billing: &str);
    /// Encrypts the card in the body of a payment fixation, if there is a key. `time`: milliseconds since
    /// 1970-01-01 UTC.
    #[wasm_bindgen(method)]
    fn encrypt(this: &Boot, body: &str, time: f64) -> Promise;
    /// Ends the work of `boot.js`. Returns the messages that arrived until now.
    #[wasm_bindgen(method, js_name = handOver)]
    fn hand_over(this: &Boot) -> Array;
}

/// How the widget was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As a page of its own, the hosted page.
    Hosted,
    /// In a dialog on the project's page.
    Iframe,
    /// In an element of the project's page.
    Inline,
    /// In a window that the project's page opened.
    Popup,
}

impl Mode {
    /// Returns the mode of this page.
    pub fn of_page() -> Self {
        match root().dataset().get("mode").as_deref() {
            Some("iframe") => Self::Iframe,
            Some("inline") => Self::Inline,
            Some("popup") => Self::Popup,
            _ => Self::Hosted,
        }
    }

    /// Returns whether the widget runs in a frame.
    pub fn framed(self) -> bool {
        matches!(self, Self::Iframe | Self::Inline)
    }
}

/// What the widget hears from outside.
pub enum Heard {
    /// The buyer is likely to open this invoice.
    Prepare(InvoiceAndToken),
    /// The buyer opened this invoice.
    Open(InvoiceAndToken),
    /// The page closes the widget.
    Close,
    /// The buyer pressed Escape.
    Escape,
    /// The browser lost the network.
    Offline,
    /// The buyer returned from the verification form.
    Returned,
    /// The window has the focus again.
    Focused,
    /// After sleep, a lost network or another page. The known state may be outdated.
    Resumed,
    /// The buyer leaves the page.
    Leaving,
}

/// The document's root element.
pub fn root() -> HtmlElement {
    document()
        .document_element()
        .unwrap_or_else(|| JsValue::NULL.unchecked_into())
        .unchecked_into()
}

/// A parameter of the URL's query.
pub fn query(name: &str) -> Option<String> {
    let search = location().search().ok()?;
    UrlSearchParams::new_with_str(&search).ok()?.get(name)
}

/// The parameters of the URL's fragment. They are not sent to servers.
pub fn fragment() -> Option<UrlSearchParams> {
    let hash = location().hash().ok()?;
    UrlSearchParams::new_with_str(hash.strip_prefix('#').unwrap_or(&hash)).ok()
}

/// Takes the server's key for cards from the text of billing data.
pub fn set_card_key(billing: &str) {
    BOOT.with(|boot| boot.set_key(billing));
}

/// Encrypts the card in the body of a payment fixation. The body stays as it is where the server or the
/// browser does not encrypt. `None`: the browser could not.
pub async fn with_encrypted_card(body: &str) -> Option<String> {
    let encrypted = BOOT.with(|boot| boot.encrypt(body, clock::now()));
    JsFuture::from(encrypted).await.ok()?.as_string()
}

/// The id of the project of this page.
pub fn project() -> String {
    BOOT.with(Boot::project).unwrap_or_default()
}

/// The invoice of the URL and its token.
pub fn invoice() -> Option<InvoiceAndToken> {
    BOOT.with(|boot| {
        Some(InvoiceAndToken {
            invoice: boot.invoice()?.parse().ok()?,
            token: boot.token()?,
        })
    })
}

/// Returns whether the widget was preloaded, and is hidden until [`Heard::Open`].
pub fn is_preloaded() -> bool {
    BOOT.with(Boot::preloaded)
}

/// Returns the response to the request for billing data that `boot.js` sent, if it sent one that
/// nobody took yet.
pub async fn early_billing(invoice: &InvoiceId) -> Option<Response> {
    let sent = BOOT.with(|boot| boot.billing(invoice.as_str()))?;
    let response = JsFuture::from(sent).await.ok()?;
    Some(Response::from(
        response.unchecked_into::<web_sys::Response>(),
    ))
}

/// Returns the texts that `boot.js` requested.
pub async fn early_texts() -> Result<JsValue, JsValue> {
    JsFuture::from(BOOT.with(Boot::texts)).await
}

/// The window of the page and its origin. `None` on the hosted page.
fn page() -> Option<(Window, String)> {
    let page = match Mode::of_page() {
        Mode::Hosted => None,
        Mode::Iframe | Mode::Inline => window().parent().ok().flatten(),
        Mode::Popup => window()
            .opener()
            .ok()
            .filter(JsValue::is_object)
            .map(JsCast::unchecked_into),
    };
    page.zip(query("origin"))
}

/// Posts a message to the page.
pub fn post(message: &ToPage) {
    let text = json::write(message).unwrap_or_default();
    if let (Some((page, origin)), Ok(message)) = (page(), JSON::parse(&text)) {
        // It fails for an invalid origin only, which the server refused.
        let _ = page.post_message(&message, &origin);
    }
}

fn heard(event: &MessageEvent) -> Option<Heard> {
    let text = || JSON::stringify(&event.data()).ok()?.as_string();
    // Also where the page has the origin of the widget.
    if Ok(event.origin()) == location().origin() && json::read::<Returned>(&text()?).is_some() {
        return Some(Heard::Returned);
    }
    let (page, origin) = page()?;
    if event.origin() != origin || event.source().as_deref() != Some(page.as_ref()) {
        return None;
    }
    Some(match json::read(&text()?)? {
        ToWidget::Prepare(access) => Heard::Prepare(access),
        ToWidget::Open(access) => Heard::Open(access),
        ToWidget::Close => Heard::Close,
    })
}

/// Passes on what is heard, beginning with the messages that came before this code.
pub fn listen(run: impl Fn(Heard) + 'static) {
    let run: Rc<dyn Fn(Heard)> = Rc::new(run);
    let on = |name: &str, read: fn(&Event) -> Option<Heard>| {
        let run = run.clone();
        window_event_listener_untyped(name, move |event| {
            if let Some(heard) = read(&event) {
                run(heard);
            }
        });
    };
    on("message", |event| heard(event.unchecked_ref()));
    on("keydown", |event| {
        let key: &KeyboardEvent = event.unchecked_ref();
        // An input method uses Escape to end its composition.
        (key.key() == "Escape" && !key.is_composing()).then_some(Heard::Escape)
    });
    on("pageshow", |event| {
        let event: &PageTransitionEvent = event.unchecked_ref();
        event.persisted().then_some(Heard::Resumed)
    });
    on("visibilitychange", |_| {
        (!document().hidden()).then_some(Heard::Resumed)
    });
    on("online", |_| Some(Heard::Resumed));
    on("focus", |_| Some(Heard::Focused));
    on("offline", |_| Some(Heard::Offline));
    on("pagehide", |_| Some(Heard::Leaving));
    let resumed = run.clone();
    let resumed = Closure::<dyn Fn()>::new(move || resumed(Heard::Resumed)).into_js_value();
    // It does not bubble to the window (the Page Lifecycle API).
    let _ = document().add_event_listener_with_callback("resume", resumed.unchecked_ref());
    for event in BOOT.with(Boot::hand_over) {
        if let Some(heard) = heard(event.unchecked_ref()) {
            run(heard);
        }
    }
    if Mode::of_page().framed() {
        follow_height();
    }
}

/// Posts the height of the content.
pub fn post_height() {
    let height = root().get_bounding_client_rect().height().ceil();
    post(&ToPage::Resize(Size {
        height: height as u32,
    }));
}

/// Posts the height of the content whenever it changes.
fn follow_height() {
    let measure = Closure::<dyn Fn()>::new(post_height);
    if let Ok(observer) = ResizeObserver::new(measure.as_ref().unchecked_ref()) {
        observer.observe(&root());
    }
    measure.forget();
}

/// Gives the page the URL of an invoice, so that a reload shows it again.
pub fn keep_address(access: &InvoiceAndToken) {
    let (Some(kept), Ok(search)) = (fragment(), location().search()) else {
        return;
    };
    let Ok(search) = UrlSearchParams::new_with_str(&search) else {
        return;
    };
    kept.set("token", &access.token);
    // A reload is no preload.
    search.delete("preload");
    let (search, kept) = (
        String::from(search.to_string()),
        String::from(kept.to_string()),
    );
    let url = ["/pay/", access.invoice.as_str(), "?", &search, "#", &kept].concat();
    if let Ok(history) = window().history() {
        // It fails for another origin only.
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&url));
    }
}

/// What the name of a popup begins with while it is on a bank's page.
const AT_BANK: &str = "till-popup";

/// Navigates the window, or from inside a frame the page, to a URL.
pub fn redirect(url: &str) {
    let mode = Mode::of_page();
    if mode.framed() {
        return post(&ToPage::Navigate(Destination {
            url: url.to_owned(),
        }));
    }
    // The return page reads the name to come back to this popup; it works without storage. A bank's
    // page can read it too, so it has no token.
    if let (Mode::Popup, Some(kept), Ok(search)) = (mode, fragment(), location().search()) {
        post(&ToPage::Leaving);
        kept.delete("token");
        let kept = String::from(kept.to_string());
        // It fails for no name.
        let _ = window().set_name(&[AT_BANK, &search, "#", &kept].concat());
    }
    // The server validated the URL. What this page has posted before is sent in tasks of its own, which a
    // navigation at once may end.
    let url = url.to_owned();
    spawn_local(async move {
        TimeoutFuture::new(0).await;
        let _ = location().assign(&url);
    });
}

/// Returns whether this popup returned from a bank's page, once.
pub fn has_returned(access: Option<&InvoiceAndToken>) -> bool {
    let name = window().name().unwrap_or_default();
    if Mode::of_page() != Mode::Popup || !name.starts_with(AT_BANK) {
        return false;
    }
    let invoice = access
        .map(|access| access.invoice.as_str())
        .unwrap_or_default();
    let _ = window().set_name(&["till-", invoice].concat());
    true
}

thread_local! {
    static VERIFICATION: RefCell<Option<Window>> = const { RefCell::new(None) };
}

/// Opens a verification form in a separate window, which is empty without a URL. Returns whether the
/// browser allowed it.
pub fn open_window(url: &str) -> bool {
    let opened = window().open_with_url_and_target(url, "till-verification");
    VERIFICATION.replace(opened.ok().flatten());
    VERIFICATION.with_borrow(Option::is_some)
}

/// Closes that window.
pub fn close_window() {
    if let Some(opened) = VERIFICATION.take() {
        let _ = opened.close();
    }
}

/// Returns whether a field may take the focus: not where that would open a keyboard.
pub fn may_focus() -> bool {
    let coarse = window().match_media("(pointer: coarse)").ok().flatten();
    coarse.is_none_or(|query| !query.matches())
}

/// Shows the captcha of this URL. Returns the token of its solution.
pub async fn solve_captcha(url: &str) -> Option<String> {
    let solved = BOOT.with(|boot| boot.solve(url));
    JsFuture::from(solved).await.ok()?.as_string()
}

/// Presses the Pay button.
pub fn press_pay() {
    let pay = document().get_element_by_id("pay");
    if let Some(pay) = pay.and_then(|pay| pay.dyn_into::<HtmlElement>().ok()) {
        pay.click();
    }
}

/// Returns a random idempotency key for one press of Pay.
pub fn new_key() -> String {
    window()
        .crypto()
        .map(|crypto| crypto.random_uuid())
        .unwrap_or_default()
}

/// Returns what 3-D Secure asks about the browser, if the browser says all of it.
pub fn browser() -> Option<BrowserInfo> {
    let (navigator, screen) = (window().navigator(), window().screen().ok()?);
    Some(BrowserInfo {
        user_agent: navigator.user_agent().ok()?,
        language: navigator.language()?,
        color_depth: screen.color_depth().ok()?.cast_unsigned(),
        screen_width: screen.width().ok()?.cast_unsigned(),
        screen_height: screen.height().ok()?.cast_unsigned(),
        time_zone_offset: Date::new_0().get_timezone_offset() as i32,
        // `navigator.javaEnabled()` is false in every browser (HTML Standard, `NavigatorPlugins`).
        java_enabled: false,
    })
}
