//! Batches: calls that come while others like them run share one statement. A call that comes alone runs at once.

use super::error::{Result, StoreError};
use futures::future::join_all;
use std::slice;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use tracing::{Instrument, Span};

/// The most calls of a batch.
const MOST: usize = 64;
/// How long calls wait for the statement that runs. One that takes longer may wait for a lock, which is no reason for
/// others to wait.
const PATIENCE: Duration = Duration::from_millis(20);
/// How many such slow statements run at a time.
const SLOW: usize = 3;

/// What a batch does.
pub(super) trait Statement: Send + Sync + 'static {
    /// What a call asks for.
    type Call: Send + Sync;
    /// The answer to a call.
    type Answer: Send;

    /// Answers calls, in their order. If it fails, all of them do.
    fn run(&self, calls: &[Self::Call]) -> impl Future<Output = Result<Vec<Self::Answer>>> + Send;
}

/// A call that waits for its answer.
struct Waiting<S: Statement> {
    call: S::Call,
    answer: oneshot::Sender<Result<S::Answer>>,
    /// The request that it belongs to. What a batch logs is logged in the first one.
    span: Span,
}

/// Makes batches of calls.
pub(super) struct Batches<S: Statement> {
    statement: Arc<S>,
    turns: Turns,
    waiting: mpsc::Sender<Waiting<S>>,
}

/// The turns of statements.
#[derive(Clone)]
struct Turns {
    next: Arc<Semaphore>,
    slow: Arc<Semaphore>,
}

impl Turns {
    /// Waits for the statement that runs, but not for a slow one, unless there are too many of them.
    async fn take(&self) -> Option<OwnedSemaphorePermit> {
        match timeout(PATIENCE, self.next.clone().acquire_owned()).await {
            Ok(turn) => turn.ok(),
            Err(_) => self.slow.clone().acquire_owned().await.ok(),
        }
    }
}

impl<S: Statement> Batches<S> {
    /// Batches of calls of this statement.
    pub(super) fn new(statement: S) -> Self {
        let (waiting, calls) = mpsc::channel(MOST);
        let batches = Self {
            statement: Arc::new(statement),
            turns: Turns {
                next: Arc::new(Semaphore::new(1)),
                slow: Arc::new(Semaphore::new(SLOW)),
            },
            waiting,
        };
        let statement = batches.statement.clone();
        tokio::spawn(run(statement, batches.turns.clone(), calls));
        batches
    }

    /// Makes a call. One that is part of a batch is made even if nobody waits for its answer any more.
    ///
    /// # Errors
    /// When the call fails, or the database can't be reached.
    pub(super) async fn call(&self, call: S::Call) -> Result<S::Answer> {
        if let Ok(_turn) = self.turns.next.try_acquire() {
            return alone(&*self.statement, &call).await;
        }
        let (answer, answered) = oneshot::channel();
        let span = Span::current();
        let waiting = Waiting { call, answer, span };
        let sent = self.waiting.send(waiting).await;
        sent.map_err(|_| sqlx::Error::PoolClosed)?;
        answered.await.map_err(|_| sqlx::Error::PoolClosed)?
    }
}

/// Runs batches until no more calls can come.
async fn run<S: Statement>(statement: Arc<S>, turns: Turns, mut calls: mpsc::Receiver<Waiting<S>>) {
    while let Some(first) = calls.recv().await {
        let turn = turns.take().await;
        let span = first.span.clone();
        let mut batch = vec![first];
        while batch.len() < MOST
            && let Ok(next) = calls.try_recv()
        {
            batch.push(next);
        }
        let statement = statement.clone();
        let answered = async move {
            answer(&*statement, batch).await;
            drop(turn);
        };
        tokio::spawn(answered.instrument(span));
    }
}

async fn alone<S: Statement>(statement: &S, call: &S::Call) -> Result<S::Answer> {
    let answer = statement.run(slice::from_ref(call)).await?.pop();
    answer.ok_or_else(|| sqlx::Error::RowNotFound.into())
}

async fn answer<S: Statement>(statement: &S, batch: Vec<Waiting<S>>) {
    let (calls, waiting): (Vec<_>, Vec<_>) = batch
        .into_iter()
        .map(|one| (one.call, (one.answer, one.span)))
        .unzip();
    // Who no longer waits needs no answer.
    match statement.run(&calls).await {
        Ok(answers) => {
            for ((waiting, _), answer) in waiting.into_iter().zip(answers) {
                let _ = waiting.send(Ok(answer));
            }
        }
        // The database refused the statement because of one of the calls, which affects no other.
        Err(StoreError::Sql(sqlx::Error::Database(_))) if calls.len() > 1 => {
            let each = calls.iter().zip(waiting).map(|(call, (waiting, span))| {
                let answered = async { waiting.send(alone(statement, call).await) };
                answered.instrument(span)
            });
            join_all(each).await;
        }
        Err(error) => {
            let error = Arc::new(error);
            for (waiting, _) in waiting {
                let _ = waiting.send(Err(StoreError::OfBatch(error.clone())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::{AnyConnection, Connection};
    use std::sync::Mutex;

    /// Doubles numbers, after a permit for each statement. Refuses those with a negative one, as a database does.
    struct Double {
        permits: Semaphore,
        ran: Mutex<Vec<Vec<i32>>>,
    }

    impl Statement for Arc<Double> {
        type Call = i32;
        type Answer = i32;

        async fn run(&self, calls: &[i32]) -> Result<Vec<i32>> {
            self.ran.lock().unwrap().push(calls.to_vec());
            self.permits.acquire().await.unwrap().forget();
            if calls.contains(&0) {
                return Err(sqlx::Error::PoolTimedOut.into());
            }
            if calls.iter().any(|call| *call < 0) {
                return Err(refused().await);
            }
            Ok(calls.iter().map(|call| call * 2).collect())
        }
    }

    async fn refused() -> StoreError {
        sqlx::any::install_default_drivers();
        let mut database = AnyConnection::connect("sqlite::memory:").await.unwrap();
        let refused = sqlx::query("refuse this").execute(&mut database).await;
        refused.unwrap_err().into()
    }

    /// The batches, what they run, and calls that are made in this order, the first one alone.
    async fn calls<const N: usize>(
        calls: [i32; N],
    ) -> (Arc<Double>, [tokio::task::JoinHandle<Result<i32>>; N]) {
        let double = Arc::new(Double {
            permits: Semaphore::new(0),
            ran: Mutex::default(),
        });
        let batches = Arc::new(Batches::new(double.clone()));
        let made = calls.map(|call| {
            let batches = batches.clone();
            tokio::spawn(async move { batches.call(call).await })
        });
        tokio::task::yield_now().await;
        (double, made)
    }

    #[tokio::test]
    async fn calls_that_come_while_one_runs_share_the_next_statement() {
        let (double, made) = calls([1, 2, 3, 4]).await;
        double.permits.add_permits(2);
        for (made, doubled) in made.into_iter().zip([2, 4, 6, 8]) {
            assert_eq!(made.await.unwrap().unwrap(), doubled);
        }
        assert_eq!(*double.ran.lock().unwrap(), [vec![1], vec![2, 3, 4]]);
    }

    #[tokio::test]
    async fn a_call_that_is_refused_affects_no_other() {
        let (double, [alone, good, bad, other]) = calls([1, 2, -1, 3]).await;
        // The last one has to wait, which holds up no other.
        double.permits.add_permits(4);
        assert_eq!(alone.await.unwrap().unwrap(), 2);
        assert_eq!(good.await.unwrap().unwrap(), 4);
        let error = bad.await.unwrap().unwrap_err();
        assert!(matches!(error, StoreError::Sql(sqlx::Error::Database(_))));
        double.permits.add_permits(1);
        assert_eq!(other.await.unwrap().unwrap(), 6);
    }

    #[tokio::test]
    async fn a_database_that_fails_fails_all() {
        let (double, [alone, one, other]) = calls([1, 0, 2]).await;
        double.permits.add_permits(2);
        assert_eq!(alone.await.unwrap().unwrap(), 2);
        for failed in [one, other] {
            assert!(failed.await.unwrap().unwrap_err().is_transient());
        }
        assert_eq!(double.ran.lock().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_slow_statement_holds_up_no_other() {
        let (double, [slow, next, after]) = calls([1, 2, 3]).await;
        while double.ran.lock().unwrap().len() < 2 {
            tokio::time::sleep(PATIENCE).await;
        }
        assert_eq!(*double.ran.lock().unwrap(), [vec![1], vec![2, 3]]);
        double.permits.add_permits(2);
        for (made, doubled) in [slow, next, after].into_iter().zip([2, 4, 6]) {
            assert_eq!(made.await.unwrap().unwrap(), doubled);
        }
    }

    #[tokio::test]
    async fn a_caller_that_leaves_holds_up_no_other() {
        let (double, [first, gone, last]) = calls([1, 2, 3]).await;
        first.abort();
        gone.abort();
        double.permits.add_permits(3);
        assert_eq!(last.await.unwrap().unwrap(), 6);
    }
}
