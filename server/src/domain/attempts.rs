//! The rules that slow down the testing of stolen cards. Attempts to pay are counted for what they have in
//! common: an invoice, the client's address, a card, a project. A few are free. Each further one has to wait
//! twice as long as the one before, up to a limit.

/// What an attempt counts from its start. A success takes it back.
pub const ATTEMPT_POINTS: i64 = 1;
/// What an attempt counts once it was declined.
pub const DECLINE_POINTS: i64 = 5;

/// How long attempts are kept, in milliseconds: the longest window.
pub const KEPT_MS: i64 = DAY_MS;

const SECOND_MS: i64 = 1000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What attempts have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// They are for one invoice.
    Invoice,
    /// They come from one client address.
    Address,
    /// They are made with one card.
    Card,
    /// They are for one project. Only declines are counted.
    Project,
}

/// How a scope is limited.
struct Rule {
    /// The number of declines that are free, unless the project says otherwise.
    free: u32,
    /// How long an attempt counts, in milliseconds.
    window: i64,
    /// The first wait, in milliseconds.
    first_wait: i64,
    /// The longest wait, in milliseconds.
    longest_wait: i64,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Invoice, Self::Address, Self::Card, Self::Project];

    /// A project's waits are short: they concern buyers who have nothing to do with the attempts.
    const fn rule(self) -> Rule {
        let (free, window, first_wait, longest_wait) = match self {
            Self::Invoice => (10, DAY_MS, MINUTE_MS, HOUR_MS),
            Self::Address => (20, HOUR_MS, MINUTE_MS, 30 * MINUTE_MS),
            Self::Card => (5, DAY_MS, MINUTE_MS, HOUR_MS),
            Self::Project => (500, HOUR_MS, 5 * SECOND_MS, 15 * SECOND_MS),
        };
        Rule {
            free,
            window,
            first_wait,
            longest_wait,
        }
    }

    /// The number of declines that are free, where the project does not say.
    pub const fn free(self) -> u32 {
        self.rule().free
    }

    /// How long an attempt counts, in milliseconds.
    pub const fn window(self) -> i64 {
        self.rule().window
    }
}

/// The attempts of a scope within its window, without the one that is judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// The sum of their points.
    pub points: i64,
    /// When the newest one last changed (milliseconds).
    pub newest: Option<i64>,
}

/// What an attempt may find when it is recorded: fewer than `points` in the attempts of its scope that
/// changed after `since`. An attempt that comes at the same time takes the place of this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// A time (milliseconds).
    pub since: i64,
    /// The number of points that is too many.
    pub points: i64,
}

impl Room {
    /// What an attempt of a scope without a limit may find.
    pub const ANY: Self = Self {
        since: i64::MAX,
        points: i64::MAX,
    };
}

/// What the rules say about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is let through.
    Pass {
        /// Whether half of the free declines are used up.
        suspicious: bool,
        /// What it may find when it is recorded.
        room: Room,
    },
    /// It has to wait for so many milliseconds, at least 1.
    Wait(i64),
}

/// Judges an attempt at `now` (milliseconds). `free`: how many declines of the scope are free; 0 turns the
/// limit off.
pub fn judge(scope: Scope, free: u32, counted: Counted, now: i64) -> Verdict {
    let rule = scope.rule();
    if free == 0 {
        return Verdict::Pass {
            suspicious: false,
            room: Room::ANY,
        };
    }
    let free = i64::from(free);
    let suspicious = 2 * counted.points >= free * DECLINE_POINTS;
    let beyond = counted.points / DECLINE_POINTS - free;
    if beyond < 0 {
        let room = Room {
            since: now - rule.window,
            points: free * DECLINE_POINTS,
        };
        return Verdict::Pass { suspicious, room };
    }
    // The longest wait is reached long before 20 doublings.
    let wait = (rule.first_wait << beyond.min(20)).min(rule.longest_wait);
    // Another attempt may have been recorded since this one looked at the clock.
    let newest = counted.newest.map(|newest| newest.min(now));
    let over = newest.map_or(now, |newest| newest + wait);
    if over > now {
        return Verdict::Wait(over - now);
    }
    let room = Room {
        since: now - wait,
        points: 1,
    };
    Verdict::Pass { suspicious, room }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: i64 = 1_800_000_000_000;

    #[test]
    fn an_attempt_that_is_recorded_meanwhile_does_not_lengthen_the_wait() {
        assert_eq!(after(5, -1), after(5, 0));
    }

    fn after(declines: i64, ago: i64) -> Verdict {
        let counted = Counted {
            points: declines * DECLINE_POINTS,
            newest: Some(NOW - ago),
        };
        judge(Scope::Card, 5, counted, NOW)
    }

    #[test]
    fn a_few_are_free_then_the_wait_doubles_up_to_a_limit() {
        for (declines, expected) in [(0, false), (2, false), (3, true), (4, true)] {
            let Verdict::Pass { suspicious, .. } = after(declines, 1) else {
                panic!("{declines}");
            };
            assert_eq!(suspicious, expected, "{declines}");
        }
        for (declines, minutes) in [(5, 1), (6, 2), (7, 4), (10, 32), (11, 60), (1000, 60)] {
            let wait = minutes * MINUTE_MS;
            assert_eq!(after(declines, 0), Verdict::Wait(wait), "{declines}");
            assert_eq!(after(declines, wait - 1), Verdict::Wait(1), "{declines}");
            // One attempt passes; another one at the same time finds it.
            let room = Room {
                since: NOW - wait,
                points: 1,
            };
            let suspicious = true;
            assert_eq!(after(declines, wait), Verdict::Pass { suspicious, room });
        }
    }

    #[test]
    fn a_limit_of_zero_is_none() {
        let counted = Counted {
            points: 1_000_000,
            newest: Some(NOW),
        };
        for scope in Scope::ALL {
            let verdict = judge(scope, 0, counted, NOW);
            assert!(matches!(
                verdict,
                Verdict::Pass {
                    suspicious: false,
                    ..
                }
            ));
        }
    }

    proptest! {
        /// Nobody is locked out: a wait is never longer than the scope's longest, and passes.
        #[test]
        fn every_wait_ends(free in 1..2000_u32, points in 0..100_000_i64, ago in 0..2 * DAY_MS) {
            for scope in Scope::ALL {
                let counted = Counted { points, newest: Some(NOW - ago) };
                if let Verdict::Wait(wait) = judge(scope, free, counted, NOW) {
                    prop_assert!((1..=scope.rule().longest_wait).contains(&wait));
                    let later = judge(scope, free, counted, NOW + wait);
                    prop_assert!(matches!(later, Verdict::Pass { .. }), "{:?}", later);
                }
            }
        }
    }
}
