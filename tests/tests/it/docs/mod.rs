//! The documentation: its commands, snippets, packages and the architecture it describes.

mod architecture;
mod packages;
mod walkthroughs;
