//! Failures: crashes, overload, races, full disks and lost connections.

mod card_testing;
mod chaos;
mod chaos_postgres;
pub mod clients;
mod dead_endpoint;
mod disk_full;
mod failover;
mod locks;
mod many_servers;
mod one_connection;
mod overload;
mod pgbouncer;
mod races;
mod resumed_calls;
mod shares;
mod shutdown;
mod state_machine;
