//! The retry schedule of callbacks.

use super::deliver::Answer;
use crate::store::event_attempts::Next;

/// The delays after the first, second, ... failed attempt, in seconds: 5 s, 5 min, 30 min, 2 h, 5 h,
/// 10 h, 14 h, 20 h, 24 h.
const DELAYS: [i64; 9] = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// The longest `Retry-After` that is honored, in seconds.
const MAX_RETRY_AFTER: i64 = 86_400;

/// Decides what happens to a callback after attempt `number` (from 1), made at `now`
/// (milliseconds). `jitter`, from 0 to 1000, adds up to a tenth to the delay; `speedup` divides it.
pub fn after(answer: &Answer, number: i64, now: i64, jitter: i64, speedup: u32) -> Next {
    let status = answer.status.unwrap_or(0);
    if (200..300).contains(&status) {
        return Next::Delivered;
    }
    if status == 410 {
        return Next::Unsent;
    }
    let delay = usize::try_from(number - 1)
        .ok()
        .and_then(|i| DELAYS.get(i))
        .copied();
    let Some(seconds) = delay else {
        return Next::Failed;
    };
    let seconds = seconds.max(answer.retry_after.unwrap_or(0).min(MAX_RETRY_AFTER));
    let ms = seconds * 1000 + seconds * jitter.clamp(0, 1000) / 10;
    Next::Retry {
        at: now + (ms / i64::from(speedup)).max(1),
        refused: is_refusal(status),
    }
}

/// Whether a status refuses this one callback. After any other failure, or with no answer (0), the
/// endpoint does not work, and later callbacks of the invoice wait.
fn is_refusal(status: u16) -> bool {
    (300..500).contains(&status) && !matches!(status, 408 | 425 | 429)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: Option<u16>, retry_after: Option<i64>) -> Answer {
        Answer {
            status,
            retry_after,
            ..Answer::default()
        }
    }

    fn retry(at: i64, refused: bool) -> Next {
        Next::Retry { at, refused }
    }

    #[test]
    fn nine_retries_then_failed() {
        for (i, seconds) in DELAYS.iter().enumerate() {
            let next = after(&answered(Some(500), None), i as i64 + 1, 0, 0, 1);
            assert_eq!(next, retry(seconds * 1000, false));
        }
        assert_eq!(after(&answered(None, None), 10, 0, 0, 1), Next::Failed);
        assert_eq!(after(&answered(Some(400), None), 10, 0, 0, 1), Next::Failed);
    }

    #[test]
    fn only_2xx_is_delivered_and_410_turns_the_endpoint_off() {
        for status in [100, 301, 302, 400, 404, 500] {
            assert!(matches!(
                after(&answered(Some(status), None), 1, 0, 0, 1),
                Next::Retry { .. }
            ));
        }
        assert_eq!(
            after(&answered(Some(204), None), 1, 0, 0, 1),
            Next::Delivered
        );
        for number in [1, 10] {
            let gone = answered(Some(410), None);
            assert_eq!(after(&gone, number, 0, 0, 1), Next::Unsent);
        }
    }

    #[test]
    fn later_callbacks_wait_unless_this_one_is_refused() {
        for (status, refused) in [
            (None, false),
            (Some(100), false),
            (Some(302), true),
            (Some(400), true),
            (Some(404), true),
            (Some(408), false),
            (Some(422), true),
            (Some(425), false),
            (Some(429), false),
            (Some(499), true),
            (Some(500), false),
            (Some(503), false),
            (Some(599), false),
        ] {
            let next = after(&answered(status, None), 1, 0, 0, 1);
            assert_eq!(next, retry(5000, refused), "{status:?}");
        }
    }

    #[test]
    fn retry_after_lengthens_and_jitter_adds_at_most_a_tenth() {
        let next = |retry_after, jitter, speedup| {
            after(&answered(Some(503), retry_after), 1, 0, jitter, speedup)
        };
        assert_eq!(next(Some(60), 0, 1), retry(60_000, false));
        assert_eq!(next(Some(1), 0, 1), retry(5_000, false));
        assert_eq!(next(Some(i64::MAX), 0, 1), retry(86_400_000, false));
        assert_eq!(next(None, 1000, 1), retry(5_500, false));
        assert_eq!(next(None, 0, 1000), retry(5, false));
    }
}
