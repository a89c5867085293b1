//! Panics in the log. Their messages may quote what a value held, such as a card number.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};

/// Has panics logged with their place, instead of printed with their message.
pub fn log_panics() {
    panic::set_hook(Box::new(log));
}

fn log(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let reason = panic_reason(panic.payload());
    // `RUST_BACKTRACE` turns backtraces on.
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
    let backtrace = backtrace.as_ref().map(tracing::field::display);
    tracing::error!(place, reason, backtrace, "the program panicked");
}

/// The message of a panic, if it is a literal of the source code. A formatted message may contain data.
pub fn panic_reason(payload: &(dyn Any + Send)) -> &'static str {
    let literal = payload.downcast_ref::<&'static str>().copied();
    literal.unwrap_or("not logged, because it may contain data")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex, PoisonError};

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Log {
        fn text(&self) -> String {
            let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            String::from_utf8_lossy(&bytes).into_owned()
        }
    }

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            log.write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_logged_without_the_data_in_its_message() {
        let number = "4242424242424242";
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone());
        let standard = panic::take_hook();
        log_panics();
        let caught = tracing::subscriber::with_default(subscriber.finish(), || {
            let formatted = panic::catch_unwind(|| panic!("not a date: {number}"));
            let literal = panic::catch_unwind(|| panic!("the list is empty"));
            formatted.is_err() && literal.is_err()
        });
        panic::set_hook(standard);
        let log = log.text();
        assert!(caught && log.contains(file!()), "{log}");
        assert!(log.contains("the list is empty"), "{log}");
        assert!(!log.contains(number), "{log}");
    }
}
