//! Money and names in the buyer's own way of writing, by the browser's `Intl`.

use js_sys::{Array, Function, Object, Reflect};
use till_shared::money::{Currency, Money};
use wasm_bindgen::{JsCast, JsValue};

/// An amount with its currency. Handed over as decimal text, so that no float touches it.
pub fn money(locale: &str, amount: i64, currency: Currency) -> String {
    let decimal = Money { amount, currency }.to_decimal();
    let formatted = || -> Result<String, JsValue> {
        let options = Object::new();
        Reflect::set(&options, &"style".into(), &"currency".into())?;
        Reflect::set(&options, &"currency".into(), &currency.code().into())?;
        let formatter = intl("NumberFormat", locale, &options)?;
        let format: Function = Reflect::get(&formatter, &"format".into())?.dyn_into()?;
        text(format.call1(&JsValue::UNDEFINED, &decimal.as_str().into())?)
    };
    formatted().unwrap_or_else(|_| format!("{decimal} {}", currency.code()))
}

/// Names countries.
pub struct Countries(Option<JsValue>);

impl Countries {
    /// In this language.
    pub fn in_language(locale: &str) -> Self {
        let options = Object::new();
        let set = Reflect::set(&options, &"type".into(), &"region".into());
        Self(
            set.and_then(|_| intl("DisplayNames", locale, &options))
                .ok(),
        )
    }

    /// The name of an ISO 3166-1 alpha-2 code; the code itself where the browser has none.
    pub fn name(&self, code: &str) -> String {
        let named = |names: &JsValue| -> Result<String, JsValue> {
            let of: Function = Reflect::get(names, &"of".into())?.dyn_into()?;
            text(of.call1(names, &code.into())?)
        };
        let name = self.0.as_ref().and_then(|names| named(names).ok());
        name.unwrap_or_else(|| code.to_owned())
    }
}

fn intl(class: &str, locale: &str, options: &Object) -> Result<JsValue, JsValue> {
    let intl = Reflect::get(&js_sys::global(), &"Intl".into())?;
    let class: Function = Reflect::get(&intl, &class.into())?.dyn_into()?;
    let locales = Array::of1(&locale.into());
    // A locale that is none at all throws: then the browser's own does.
    Reflect::construct(&class, &Array::of2(&locales, options))
        .or_else(|_| Reflect::construct(&class, &Array::of2(&JsValue::UNDEFINED, options)))
}

fn text(value: JsValue) -> Result<String, JsValue> {
    value.as_string().ok_or(value)
}
