//! When commits of SQLite are durable: once the write-ahead log is on the disk. SQLite itself does not wait for
//! the disk (`synchronous = normal`, <https://www.sqlite.org/pragma.html#pragma_synchronous>), so that the next
//! writer begins at once, and commits that end while the log is written share the next write to the disk.

use std::fmt;
use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::{Mutex, watch};
use tokio::task::spawn_blocking;

/// The write-ahead log of a database.
#[derive(Clone)]
pub(super) struct Log(Arc<Inner>);

struct Inner {
    /// Writes what is in the log to the disk.
    sync: Box<dyn Fn() -> Synced + Send + Sync>,
    /// How many commits have begun.
    begun: AtomicU64,
    /// How many have ended. They end in the order in which they begin, as writers take turns.
    ended: watch::Sender<u64>,
    /// How many are durable.
    durable: AtomicU64,
    /// Held while the log is written to the disk.
    syncing: Mutex<()>,
    /// Whether the disk has ever failed.
    has_failed: AtomicBool,
}

/// The result of writing the log to the disk.
type Synced = std::result::Result<(), Failure>;

/// Why the log was not written to the disk.
enum Failure {
    /// It could not be opened, as when too many files are open. A later attempt writes the same.
    Open(Error),
    /// The disk did not take it. That is lost to a later attempt, which may succeed.
    Disk(Error),
}

/// A commit that has begun.
pub(super) struct Commit {
    log: Log,
    number: u64,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}

impl Log {
    /// The log of the database in a file.
    pub(super) fn of(database: &Path) -> Self {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        let log = PathBuf::from(log);
        Self::new(move || match File::open(&log) {
            Ok(file) => file.sync_data().map_err(Failure::Disk),
            // SQLite has written the database itself to the disk and deleted the log.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Failure::Open(error)),
        })
    }

    fn new(sync: impl Fn() -> Synced + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            sync: Box::new(sync),
            begun: AtomicU64::new(0),
            ended: watch::Sender::new(0),
            durable: AtomicU64::new(0),
            syncing: Mutex::default(),
            has_failed: AtomicBool::new(false),
        }))
    }

    /// Begins a commit. The one before has ended.
    pub(super) fn begin_commit(&self) -> Commit {
        Commit {
            log: self.clone(),
            number: self.0.begun.fetch_add(1, Ordering::SeqCst) + 1,
        }
    }

    /// Waits until all commits that have begun are durable: what was read may be theirs.
    pub(super) async fn durable(&self) -> Result<()> {
        self.durable_up_to(self.0.begun.load(Ordering::SeqCst))
            .await
    }

    async fn durable_up_to(&self, number: u64) -> Result<()> {
        let is_durable = || self.0.durable.load(Ordering::SeqCst) >= number;
        if is_durable() {
            return Ok(());
        }
        let mut ended = self.0.ended.subscribe();
        // The sender is not dropped before `self`.
        let _ = ended.wait_for(|ended| *ended >= number).await;
        let _syncing = self.0.syncing.lock().await;
        if is_durable() {
            return Ok(());
        }
        let (inner, ended) = (self.0.clone(), *ended.borrow());
        // The result counts also if nobody waits for it any more.
        spawn_blocking(move || inner.write(ended)).await?
    }
}

impl Inner {
    /// Writes the log to the disk, with so many commits.
    fn write(&self, commits: u64) -> Result<()> {
        if self.has_failed.load(Ordering::SeqCst) {
            return Err(Error::other(
                "the database was not written to the disk earlier: restart the server",
            ));
        }
        match (self.sync)() {
            Ok(()) => {
                self.durable.fetch_max(commits, Ordering::SeqCst);
                Ok(())
            }
            Err(Failure::Open(error)) => Err(error),
            Err(Failure::Disk(error)) => {
                self.has_failed.store(true, Ordering::SeqCst);
                Err(error)
            }
        }
    }
}

impl Commit {
    /// Ends a commit that changed nothing, and is durable when the one before is.
    pub(super) fn end_unchanged(self) {
        // If that is not durable yet, both will be together.
        let (before, now) = (self.number - 1, self.number);
        let durable = &self.log.0.durable;
        let _ = durable.compare_exchange(before, now, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Ends the commit. Returns what waits until it is durable, and fails when the disk does: the commit may be
    /// durable or not then.
    pub(super) fn end(self) -> impl Future<Output = Result<()>> {
        let (log, number) = (self.log.clone(), self.number);
        drop(self);
        async move { log.durable_up_to(number).await }
    }
}

impl Drop for Commit {
    fn drop(&mut self) {
        self.log.0.ended.send_replace(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use futures::future::{join_all, try_join_all};
    use std::sync::mpsc;
    use std::time::Duration;

    /// A disk that takes what is written only when it is told to, and how often it was asked.
    fn slow_disk() -> (Log, mpsc::Sender<Synced>, Arc<AtomicU64>) {
        let (done, until) = mpsc::channel();
        let until = std::sync::Mutex::new(until);
        let written = Arc::new(AtomicU64::new(0));
        let counted = written.clone();
        let log = Log::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            until.lock().unwrap().recv().unwrap()
        });
        (log, done, written)
    }

    fn full() -> Failure {
        Failure::Disk(ErrorKind::StorageFull.into())
    }

    #[tokio::test]
    async fn commits_that_end_meanwhile_share_one_write_to_the_disk() {
        let (log, done, written) = slow_disk();
        let first = tokio::spawn(log.begin_commit().end());
        tokio::task::yield_now().await;
        let mut others: Vec<_> = (0..64)
            .map(|_| Box::pin(log.begin_commit().end()))
            .collect();
        assert!(join_all(&mut others).now_or_never().is_none());
        done.send(Ok(())).unwrap();
        first.await.unwrap().unwrap();
        for other in &mut others {
            assert!(other.now_or_never().is_none(), "durable before its write");
        }
        done.send(Ok(())).unwrap();
        try_join_all(others).await.unwrap();
        assert_eq!(written.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn readers_wait_for_a_commit_that_has_not_ended() {
        let (log, done, written) = slow_disk();
        log.durable().await.unwrap();
        let commit = log.begin_commit();
        let mut read = Box::pin(log.durable());
        assert!((&mut read).now_or_never().is_none());
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(written.load(Ordering::SeqCst), 0);
        done.send(Ok(())).unwrap();
        drop(commit);
        read.await.unwrap();
        assert_eq!(written.load(Ordering::SeqCst), 1);
        log.durable().await.unwrap();
    }

    #[tokio::test]
    async fn a_commit_that_ends_later_is_durable_later() {
        let (log, done, written) = slow_disk();
        let earlier = log.begin_commit().end();
        let commit = log.begin_commit();
        done.send(Ok(())).unwrap();
        earlier.await.unwrap();
        let mut later = Box::pin(commit.end());
        assert!((&mut later).now_or_never().is_none());
        done.send(Ok(())).unwrap();
        later.await.unwrap();
        assert_eq!(written.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn nothing_is_durable_after_the_disk_failed() {
        let (log, done, written) = slow_disk();
        done.send(Err(full())).unwrap();
        let failed = log.begin_commit().end().await;
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::StorageFull);
        done.send(Ok(())).unwrap();
        log.begin_commit().end().await.unwrap_err();
        log.durable().await.unwrap_err();
        assert_eq!(written.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_failure_counts_if_nobody_waits_for_it() {
        let (log, done, _) = slow_disk();
        let mut given_up = Box::pin(log.begin_commit().end());
        assert!((&mut given_up).now_or_never().is_none());
        drop(given_up);
        done.send(Err(full())).unwrap();
        done.send(Ok(())).unwrap();
        while !log.0.has_failed.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        log.begin_commit().end().await.unwrap_err();
    }

    #[tokio::test]
    async fn what_changes_nothing_writes_nothing() {
        let (log, done, written) = slow_disk();
        log.begin_commit().end_unchanged();
        log.durable().await.unwrap();
        assert_eq!(written.load(Ordering::SeqCst), 0);
        let mut changed = Box::pin(log.begin_commit().end());
        assert!((&mut changed).now_or_never().is_none());
        log.begin_commit().end_unchanged();
        let mut read = Box::pin(log.durable());
        assert!((&mut read).now_or_never().is_none());
        done.send(Ok(())).unwrap();
        changed.await.unwrap();
        done.send(Ok(())).unwrap();
        read.await.unwrap();
    }

    #[tokio::test]
    async fn a_log_that_could_not_be_opened_is_written_later() {
        let (log, done, written) = slow_disk();
        let too_many = ErrorKind::QuotaExceeded.into();
        done.send(Err(Failure::Open(too_many))).unwrap();
        log.begin_commit().end().await.unwrap_err();
        done.send(Ok(())).unwrap();
        log.durable().await.unwrap();
        assert_eq!(written.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_log_may_be_gone() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("till.db");
        assert!((Log::of(&database).0.sync)().is_ok());
        std::fs::write(directory.path().join("till.db-wal"), "a frame").unwrap();
        assert!((Log::of(&database).0.sync)().is_ok());
    }
}
