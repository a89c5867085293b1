//! The HTTP API: the JSON API, the HTML form, the widget's calls, callbacks.

mod at_creation;
mod callbacks;
mod events;
mod fixation;
mod html_form;
mod json_api;
mod key_rotation;
mod openapi;
mod pages;
mod projects;
mod refunds;
mod sandbox_cards;
