//! The limits of connections: in all, and for each client's network.

use crate::app::{KeyedLimit, KeyedPermit};
use crate::config::Config;
use crate::http::middleware::client_address::is_trusted;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use ipnet::IpNet;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// How many files the server keeps for other things than connections: the database, the log, and calls
/// to payment systems and projects.
const OTHER_FILES: usize = 256;

/// Decides which connections are served.
pub struct Admission {
    permits: Arc<Semaphore>,
    /// Notified when a connection that waits for its next request has to give way.
    pub crowded: Notify,
    networks: KeyedLimit<IpNet>,
    max_of_network: usize,
    trusted: Vec<IpNet>,
    log: DefaultDirectRateLimiter,
}

/// The permits of a connection. Dropping them makes room for another one.
pub struct Admitted {
    _permit: OwnedSemaphorePermit,
    _of_network: Option<KeyedPermit<IpNet>>,
}

impl Admission {
    /// The limits of the settings. The number of files that the process may open also limits the
    /// connections.
    pub fn new(config: &Config) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(max_connections(config.max_connections))),
            crowded: Notify::new(),
            networks: KeyedLimit::default(),
            max_of_network: config.max_client_connections,
            trusted: config.trusted_proxies.clone(),
            log: RateLimiter::direct(Quota::per_minute(NonZeroU32::MIN)),
        }
    }

    /// Waits for a permit for the next connection. At the limit, the connection that has been idle for
    /// longest is closed.
    ///
    /// # Errors
    /// Never: the semaphore is not closed.
    pub async fn permit(&self) -> anyhow::Result<OwnedSemaphorePermit> {
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            return Ok(permit);
        }
        self.crowded.notify_one();
        Ok(self.permits.clone().acquire_owned().await?)
    }

    /// Admits a connection from an address. `None` if the client has as many connections as one may
    /// have. All clients of a trusted proxy have the proxy's address, which has no limit.
    pub fn admit(&self, permit: OwnedSemaphorePermit, address: IpAddr) -> Option<Admitted> {
        let address = address.to_canonical();
        let of_network = if is_trusted(address, &self.trusted) {
            None
        } else {
            let admitted = self
                .networks
                .try_acquire(network(address), self.max_of_network);
            if admitted.is_none() && self.log.check().is_ok() {
                tracing::warn!(
                    %address,
                    limit = self.max_of_network,
                    "a client has too many connections; name it as a trusted proxy if it is yours"
                );
            }
            Some(admitted?)
        };
        Some(Admitted {
            _permit: permit,
            _of_network: of_network,
        })
    }
}

/// The network of a client: its address, or the /64 that an IPv6 client can choose addresses from (RFC
/// 4291 section 2.5.4).
fn network(address: IpAddr) -> IpNet {
    let prefix = if address.is_ipv4() { 32 } else { 64 };
    IpNet::new(address, prefix).map_or_else(|_| address.into(), |network| network.trunc())
}

/// As many connections as the settings allow, if the process may open as many files.
fn max_connections(allowed: usize) -> usize {
    let files = rlimit::increase_nofile_limit(u64::MAX).map(usize::try_from);
    let Ok(Ok(files)) = files else {
        return allowed;
    };
    let possible = files.saturating_sub(OTHER_FILES).max(files / 2);
    if possible < allowed {
        tracing::warn!(
            files,
            connections = possible,
            "the limit of open files allows fewer connections than TILL_MAX_CONNECTIONS"
        );
    }
    allowed.min(possible)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_one_ipv4_address_or_a_network_of_ipv6_addresses() {
        for (address, expected) in [
            ("203.0.113.7", "203.0.113.7/32"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(network(address).to_string(), expected);
        }
    }
}
