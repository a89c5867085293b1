//! Slows down thieves who try stolen cards in a payment form. The counts are in the database, so that all
//! servers share them.

use crate::app::App;
use crate::clock;
use crate::connectors::ClientInfo;
use crate::domain::attempts::{Counted, Room, Scope, Verdict, judge};
use crate::flow::captcha;
use crate::flow::error::{Error, Result};
use crate::store::payment_attempts::Attempt;
use crate::store::projects::Project;
use crate::telemetry::AttemptLimit;
use std::net::{IpAddr, Ipv6Addr};
use till_shared::id::{InvoiceId, PaymentId};
use till_shared::widget::FixPayment;

/// The bits of an IPv6 address that name the client's network: a client has all addresses of it.
const IPV6_NETWORK: u128 = !0 << 64;

/// How often an attempt is judged again because others took its room.
const TRIES: usize = 4;

/// Records an attempt to pay. Returns whether it is suspicious: the browser is then not told why the payment
/// is declined.
///
/// # Errors
/// `too-many-attempts` if the buyer has to wait first; `captcha-required` if the attempt is suspicious and
/// comes without the token of the project's captcha. Nothing is recorded then.
pub async fn admit(
    app: &App,
    project: &Project,
    invoice: &InvoiceId,
    payment: &PaymentId,
    fix: &FixPayment,
    client: &ClientInfo,
) -> Result<bool> {
    if !project.settings.limits_attempts() {
        return Ok(false);
    }
    let limits = Scope::ALL.map(|scope| (scope, project.settings.free_declines(scope)));
    let hashes = |kind: &str, value: &str| app.keys.attempt_hashes(&project.id, kind, value);
    let attempt = Attempt {
        payment,
        project: &project.id,
        invoice,
        addresses: hashes("address", &network(client.ip)),
        cards: fix
            .card
            .as_ref()
            .map_or_else(Vec::new, |card| hashes("card", &card.number)),
    };
    // A captcha that still has to be solved, and its page.
    let page = captcha::page_url(app, invoice);
    let mut captcha = project.captcha.as_ref().zip(page);
    // Who solved it does not wait for what others do in the project.
    let mut solves = captcha.is_some();
    for _ in 0..TRIES {
        let now = clock::now_ms();
        let counted = app.store.count_payment_attempts(&attempt, now).await?;
        let (suspicious, rooms) = judge_all(limits, counted, now, solves)
            .map_err(|(ms, scope)| refuse(app, scope, ms))?;
        if let Some((settings, page)) = captcha.take_if(|_| suspicious) {
            let token = fix.captcha_token.as_deref();
            solves = captcha::check(app, project, settings, page, token, client.ip).await?;
            // The provider took its time.
            continue;
        }
        if app
            .store
            .record_payment_attempt(&attempt, rooms, now)
            .await?
        {
            return Ok(suspicious);
        }
    }
    Err(refuse(app, Scope::Address, 1))
}

/// Returns whether the attempt is suspicious, and what it may find when it is recorded. Otherwise the
/// longest wait, in milliseconds, and its scope. `solves`: whether it comes with a solved captcha.
fn judge_all(
    limits: [(Scope, u32); 4],
    counted: [Counted; 4],
    now: i64,
    solves: bool,
) -> std::result::Result<(bool, [Room; 4]), (i64, Scope)> {
    let mut longest: Option<(i64, Scope)> = None;
    let mut any_suspicious = false;
    let mut counted = counted.into_iter();
    let rooms = limits.map(|(scope, free)| {
        match judge(scope, free, counted.next().unwrap_or_default(), now) {
            Verdict::Pass { suspicious, room } => {
                any_suspicious |= suspicious;
                room
            }
            Verdict::Wait(_) if scope == Scope::Project && solves => {
                any_suspicious = true;
                Room::ANY
            }
            Verdict::Wait(ms) => {
                if longest.is_none_or(|(known, _)| ms > known) {
                    longest = Some((ms, scope));
                }
                Room::ANY
            }
        }
    });
    longest.map_or(Ok((any_suspicious, rooms)), Err)
}

/// Counts and reports an attempt that has to wait for so many milliseconds.
fn refuse(app: &App, scope: Scope, ms: i64) -> Error {
    let limit = match scope {
        Scope::Invoice => AttemptLimit::Invoice,
        Scope::Address => AttemptLimit::Address,
        Scope::Card => AttemptLimit::Card,
        Scope::Project => AttemptLimit::Project,
    };
    app.metrics.attempt_refused(limit);
    let seconds = u32::try_from(ms.unsigned_abs().div_ceil(1000)).unwrap_or(u32::MAX);
    tracing::warn!(
        limit = <&str>::from(limit),
        seconds,
        "too many attempts to pay"
    );
    Error::too_many_attempts(seconds)
}

/// The client's network, as text. All clients whose address is not known share one.
fn network(address: Option<IpAddr>) -> String {
    match address {
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            Ipv6Addr::from_bits(address.to_bits() & IPV6_NETWORK).to_string()
        }
        None => "unknown".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_an_ipv6_network_are_one_client() {
        let of = |text: &str| network(Some(text.parse().unwrap()));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("203.0.113.7"), of("203.0.113.8"));
        assert_eq!(network(None), network(None));
    }
}
