//! The widget in a real browser.

mod accessibility;
mod buyer;
mod languages;
mod methods;
mod navigation;
mod page_order;
mod pictures;
mod preload;
mod screens;
mod size;
mod storage;
mod theming;
mod ux;
