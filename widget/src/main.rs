//! The payment widget.

fn main() {}
