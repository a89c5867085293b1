//! How long data are kept, and how a buyer is forgotten.

mod forget;
mod marked;
mod pruning;
