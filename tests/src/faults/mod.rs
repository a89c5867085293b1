//! Fault injection: network faults, outages, and simulated buyers.

pub mod chaos;
pub mod failover;
pub mod relay;
pub mod traffic;
