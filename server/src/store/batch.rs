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

    /// Answers calls, in their order. All of them fail if it fails, and nothing has changed.
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
    let answers: Vec<_> = match statement.run(&calls).await {
        Ok(answers) => answers.into_iter().map(Ok).collect(),
        Err(error) if calls.len() == 1 => vec![Err(error)],
        // The database refused the statement because of one of the calls, which affects no other.
        Err(StoreError::Sql(sqlx::Error::Database(_))) => {
            let each = calls.iter().zip(&waiting);
            join_all(each.map(|(call, (_, span))| alone(statement, call).instrument(span.clone())))
                .await
        }
        Err(error) => {
            let error = Arc::new(error);
            let shared = calls
                .iter()
                .map(|_| Err(StoreError::OfBatch(error.clone())));
            shared.collect()
        }
    };
    for ((waiting, _), answer) in waiting.into_iter().zip(answers) {
        // Who no longer waits needs no answer.
        let _ = waiting.send(answer);
    }
}
