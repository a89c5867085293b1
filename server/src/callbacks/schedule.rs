//! The retry schedule of callbacks.

use super::deliver::Answer;
use crate::store::events::Next;

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
    let delay = usize::try_from(number - 1)
        .ok()
        .and_then(|i| DELAYS.get(i))
        .copied();
    match delay {
        _ if status == 410 => Next::Failed,
        None => Next::Failed,
        Some(seconds) => {
            let seconds = seconds.max(answer.retry_after.unwrap_or(0).min(MAX_RETRY_AFTER));
            let ms = seconds * 1000 + seconds * jitter.clamp(0, 1000) / 10;
            Next::RetryAt(now + (ms / i64::from(speedup)).max(1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: Option<u16>, retry_after: Option<i64>) -> Answer {
        Answer {
            status,
            retry_after,
            error: None,
            body: None,
        }
    }

    #[test]
    fn nine_retries_then_failed() {
        for (i, seconds) in DELAYS.iter().enumerate() {
            let next = after(&answered(Some(500), None), i as i64 + 1, 0, 0, 1);
            assert_eq!(next, Next::RetryAt(seconds * 1000));
        }
        assert_eq!(after(&answered(None, None), 10, 0, 0, 1), Next::Failed);
    }

    #[test]
    fn only_2xx_is_delivered_and_410_ends_it() {
        for status in [100, 301, 302, 400, 404, 500] {
            assert!(matches!(
                after(&answered(Some(status), None), 1, 0, 0, 1),
                Next::RetryAt(_)
            ));
        }
        assert_eq!(
            after(&answered(Some(204), None), 1, 0, 0, 1),
            Next::Delivered
        );
        assert_eq!(after(&answered(Some(410), None), 1, 0, 0, 1), Next::Failed);
    }

    #[test]
    fn retry_after_lengthens_and_jitter_adds_at_most_a_tenth() {
        assert_eq!(
            after(&answered(Some(503), Some(60)), 1, 0, 0, 1),
            Next::RetryAt(60_000)
        );
        assert_eq!(
            after(&answered(Some(503), Some(1)), 1, 0, 0, 1),
            Next::RetryAt(5_000)
        );
        assert_eq!(
            after(&answered(Some(503), Some(i64::MAX)), 1, 0, 0, 1),
            Next::RetryAt(86_400_000)
        );
        assert_eq!(
            after(&answered(None, None), 1, 0, 1000, 1),
            Next::RetryAt(5_500)
        );
        assert_eq!(
            after(&answered(None, None), 1, 0, 0, 1000),
            Next::RetryAt(5)
        );
    }
}
