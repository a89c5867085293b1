//! Till's command line.

fn main() {}
