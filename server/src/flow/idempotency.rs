//! Idempotency keys: a request that is sent again has one effect and one response.

use super::error::{Error, Result};
use crate::app::App;
use crate::store::idempotency_keys::Claim;
use crate::{clock, new_id};
use serde::Serialize;
use till_shared::problem::ProblemType;

/// A request that creates something.
pub struct IdempotentRequest {
    /// The idempotency key, if the client sent one.
    pub key: Option<String>,
    /// The client. Equal keys of different clients are independent.
    pub scope: String,
    /// Everything that the result depends on, the path included.
    pub content: String,
}

/// The response to a request.
pub struct StoredResponse {
    /// The HTTP status.
    pub status: u16,
    /// The JSON body.
    pub body: String,
    /// Whether this is the response to an earlier request with the same key.
    pub replayed: bool,
}

/// Runs a request once for its key and stores the response, or gives the stored response. `work` gets
/// the unique part of the id of the object it creates; a request that was interrupted (a crash, a lost
/// database) runs again with the same one. A rejected request has no effect and frees its key.
///
/// # Errors
/// Those of `work`; `idempotency-key-in-use` while the first request runs; `idempotency-key-reused`
/// when the key was used with a different request.
pub async fn run_once<T, W, F>(
    app: &App,
    request: IdempotentRequest,
    work: W,
) -> Result<StoredResponse>
where
    T: Serialize,
    W: FnOnce(String) -> F,
    F: Future<Output = Result<(u16, T)>>,
{
    let Some(key) = request.key else {
        return respond(work(new_id::unique()).await?);
    };
    let scope = &request.scope;
    let hash = app.keys.fingerprint(&[request.content.as_bytes()]);
    let now = clock::now_ms();
    // Time for an order check and for a call to a payment provider.
    let lease = now + 2 * app.call_lease_ms();
    let claim = app
        .store
        .claim_key(scope, &key, &hash, new_id::unique(), now, lease);
    let object = match claim.await? {
        Claim::Start { object } => object,
        Claim::Answered { status, body } => {
            return Ok(StoredResponse {
                status,
                body,
                replayed: true,
            });
        }
        Claim::Running => {
            return Err(Error::problem(
                ProblemType::IdempotencyKeyInUse,
                "The first request with this key is still running. Try again in a moment.",
            ));
        }
        Claim::OtherRequest => {
            return Err(Error::problem(
                ProblemType::IdempotencyKeyReused,
                "This key was already used with a different request.",
            ));
        }
    };
    match work(object).await {
        Ok(result) => {
            let response = respond(result)?;
            let StoredResponse { status, body, .. } = &response;
            app.store.answer_key(scope, &key, *status, body).await?;
            Ok(response)
        }
        Err(error @ Error::Problem { .. }) => {
            app.store.delete_key(scope, &key).await?;
            Err(error)
        }
        Err(error @ Error::Internal(_)) => {
            app.store
                .release_lease(scope, &key, clock::now_ms())
                .await?;
            Err(error)
        }
    }
}

fn respond<T: Serialize>((status, value): (u16, T)) -> Result<StoredResponse> {
    Ok(StoredResponse {
        status,
        body: serde_json::to_string(&value).map_err(anyhow::Error::from)?,
        replayed: false,
    })
}
