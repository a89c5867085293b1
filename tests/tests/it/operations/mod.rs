//! Running a server: logs, metrics, traces, alerts, backups and upgrades.

mod alerts;
mod audit;
mod backup;
mod card_data;
mod command_line;
mod commands;
mod csp_reports;
mod database_tls;
pub mod encryption_keys;
mod indexes;
mod listeners;
mod logs;
mod memory;
mod metrics;
mod plans;
mod retention;
mod statements;
pub mod tls;
mod traces;
mod upgrade;
