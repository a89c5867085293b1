//! The HTTP API: the JSON API, the HTML form, the widget's calls, callbacks.

mod at_creation;
mod callbacks;
mod contract;
mod delivery_order;
mod events;
mod fixation;
mod form_input;
mod html_form;
mod input;
mod input_words;
mod json_api;
mod key_rotation;
mod lists;
mod openapi;
mod pages;
mod people;
mod problems;
mod projects;
mod refunds;
mod resend;
mod resolve;
mod sandbox_cards;
mod settings;
mod test_clock;
mod unsent;
