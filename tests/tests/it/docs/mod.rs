//! The documentation: its commands, snippets, packages and the architecture it describes.

mod architecture;
mod examples;
mod packages;
mod snippets;
mod walkthroughs;
