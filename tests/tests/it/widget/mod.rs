//! The widget in a real browser.

mod accessibility;
mod attempts;
mod buyer;
mod card_entry;
mod embedding;
mod encryption;
mod hostile;
mod input;
mod languages;
mod loading;
mod markup;
mod methods;
mod navigation;
mod newer_server;
mod page_order;
mod pictures;
mod preload;
mod screens;
mod size;
mod storage;
mod theming;
mod ux;
mod way_back;
mod window;
