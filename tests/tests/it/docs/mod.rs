//! The documentation: its commands, snippets, packages and the architecture it describes.

mod architecture;
mod examples;
mod links;
mod nginx;
mod packages;
mod security;
mod snippets;
mod walkthroughs;
