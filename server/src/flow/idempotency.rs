//! Idempotency keys: a request that is sent again has one effect and one response.

use super::error::{Error, Result};
use crate::app::App;
use crate::crypto::{AssociatedData, EncryptedColumn, Keys};
use crate::store::idempotency_keys::{Claim, NewAnswer, NewClaim};
use crate::{clock, new_id};
use secrecy::ExposeSecret;
use serde::Serialize;
use till_shared::id::InvoiceId;
use till_shared::invoice::{Invoice, PageOrderInvoice};
use till_shared::problem::ProblemType;
use till_shared::refund::Refund;
use till_shared::widget::FixedPayment;

/// How long a key is kept, in milliseconds: 30 days. After that the same key begins anew.
pub const KEPT: i64 = 30 * 86_400_000;
/// How long a server of before the encrypted responses rejects a request that was answered, in
/// milliseconds: a day, in which an upgrade ends. After that it runs the request again, with the same
/// object, as after a crash.
const REJECTED_BY_OLD_SERVERS: i64 = 86_400_000;

/// A response that is kept under an idempotency key.
pub trait Response: Serialize {
    /// The invoice that it is about. It is kept beside the response, which is removed with the buyer's data.
    fn invoice(&self) -> &InvoiceId;
}

impl Response for Invoice {
    fn invoice(&self) -> &InvoiceId {
        &self.id
    }
}

impl Response for PageOrderInvoice {
    fn invoice(&self) -> &InvoiceId {
        &self.id
    }
}

impl Response for FixedPayment {
    fn invoice(&self) -> &InvoiceId {
        &self.payment.invoice
    }
}

impl Response for Refund {
    fn invoice(&self) -> &InvoiceId {
        &self.invoice
    }
}

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
    T: Response,
    W: FnOnce(String) -> F,
    F: Future<Output = Result<(u16, T)>>,
{
    let Some(key) = request.key else {
        let (status, value) = work(new_id::unique()).await?;
        return respond(status, &value);
    };
    let scope = &request.scope;
    let now = clock::now_ms();
    let hashes = app.keys.fingerprints(&[request.content.as_bytes()]);
    let claim = app.store.claim_key(NewClaim {
        scope,
        key: &key,
        request_hashes: &hashes,
        object: new_id::unique(),
        now,
        // Time for an order check and for a call to a payment provider.
        lease_until: now + 2 * app.call_lease_ms(),
        expired: now - KEPT,
    });
    let object = match claim.await? {
        Claim::Start { object } => object,
        Claim::Encrypted(answer) => return Ok(decrypt(&app.keys, scope, &key, &answer)?),
        Claim::Plain { status, body } => {
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
        Ok((status, value)) => {
            let response = respond(status, &value)?;
            let answer = NewAnswer {
                encrypted: &encrypt(&app.keys, scope, &key, &response)?,
                invoice: value.invoice(),
                lease_until: clock::now_ms() + REJECTED_BY_OLD_SERVERS,
            };
            app.store.answer_key(scope, &key, answer).await?;
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

fn respond<T: Serialize>(status: u16, value: &T) -> Result<StoredResponse> {
    Ok(StoredResponse {
        status,
        body: serde_json::to_string(value).map_err(anyhow::Error::from)?,
        replayed: false,
    })
}

/// The associated data of an encrypted response.
fn context(scope: &str, key: &str) -> AssociatedData {
    EncryptedColumn::Responses.row([scope, key])
}

/// Encrypts a response: it has the client token and the buyer's data.
fn encrypt(
    keys: &Keys,
    scope: &str,
    key: &str,
    response: &StoredResponse,
) -> anyhow::Result<String> {
    let plain = serde_json::to_string(&(response.status, &response.body))?;
    keys.encrypt(&context(scope, key), &plain)
}

fn decrypt(keys: &Keys, scope: &str, key: &str, answer: &str) -> anyhow::Result<StoredResponse> {
    let plain = keys.decrypt(&context(scope, key), answer)?;
    let (status, body) = serde_json::from_str(plain.expose_secret())?;
    Ok(StoredResponse {
        status,
        body,
        replayed: true,
    })
}
