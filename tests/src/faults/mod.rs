//! Faults: broken networks, killed processes, and buyers who pay meanwhile.

pub mod chaos;
pub mod relay;
pub mod traffic;
