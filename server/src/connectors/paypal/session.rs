//! Authenticated requests to PayPal. <https://developer.paypal.com/api/rest/authentication/>

use super::model::{Credentials, ErrorResponse, Token};
use crate::connectors::cache::{AccessToken, Client};
use crate::connectors::credentials;
use crate::connectors::error::{CallError, Cause};
use crate::connectors::transport::{Response, send, send_idempotent};
use crate::connectors::types::Ctx;
use crate::crypto::key_hash;
use reqwest::{Method as Verb, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// A token is renewed this long before it expires.
const TOKEN_MARGIN: Duration = Duration::from_secs(60);

/// The account of a call, and its access token.
pub struct Session<'a> {
    ctx: &'a Ctx<'a>,
    /// The account's credentials.
    pub credentials: Credentials,
}

impl<'a> Session<'a> {
    /// The session of the account.
    pub fn new(ctx: &'a Ctx<'a>) -> Result<Self, CallError> {
        let credentials = credentials::read(ctx)?;
        Ok(Self { ctx, credentials })
    }

    fn client(&self) -> Client {
        Client {
            base_url: self.credentials.base_url.to_string(),
            id: self.credentials.client_id.clone(),
            secret_hash: key_hash(self.credentials.client_secret.expose_secret()),
        }
    }

    /// The access token. Without one no request is sent, so a failure is
    /// [`CallError::NotSent`].
    async fn access_token(&self) -> Result<SecretString, CallError> {
        let token = self.ctx.cache.token(self.client(), self.create_token());
        token
            .await
            .map_err(|error| CallError::NotSent(Cause::AccessToken(error)))
    }

    /// `POST /v1/oauth2/token`
    pub async fn create_token(&self) -> Result<AccessToken, CallError> {
        let Credentials {
            client_id,
            client_secret,
            base_url,
            ..
        } = &self.credentials;
        let request = self.ctx.http.post(format!("{base_url}/v1/oauth2/token"));
        let request = request
            .basic_auth(client_id, Some(client_secret.expose_secret()))
            .form(&[("grant_type", "client_credentials")]);
        let response = send(request).await?;
        let token: Token = response.into_result::<_, ErrorResponse>()?;
        Ok(AccessToken {
            secret: token.access_token,
            lifetime: Duration::from_secs(token.expires_in).saturating_sub(TOKEN_MARGIN),
        })
    }

    /// A request to a path, such as `v2/checkout/orders`.
    pub fn request(&self, verb: Verb, path: &str) -> RequestBuilder {
        let url = format!("{}/{path}", self.credentials.base_url);
        let request = self.ctx.http.request(verb, url);
        // Responses with the whole object.
        request.header("prefer", "return=representation")
    }

    /// Sends a request with an access token. If PayPal no longer accepts the token, it has not
    /// processed the request, which is then sent once more with a new token. `charges` says whether
    /// the request may charge the buyer.
    pub async fn send(
        &self,
        request: RequestBuilder,
        charges: bool,
    ) -> Result<Response, CallError> {
        let again = request.try_clone();
        let token = self.access_token().await?;
        let response = send_with(&token, request, charges).await?;
        match again {
            Some(again) if is_rejected_token(&response) => {
                self.ctx.cache.forget(&self.client(), &token).await;
                send_with(&self.access_token().await?, again, charges).await
            }
            Some(_) | None => Ok(response),
        }
    }
}

/// Whether PayPal itself says so: a 401 of a proxy tells nothing about the request.
fn is_rejected_token(response: &Response) -> bool {
    response.status == StatusCode::UNAUTHORIZED
        && serde_json::from_slice::<ErrorResponse>(&response.body).is_ok()
}

async fn send_with(
    token: &SecretString,
    request: RequestBuilder,
    charges: bool,
) -> Result<Response, CallError> {
    let request = request.bearer_auth(token.expose_secret());
    if charges {
        send(request).await
    } else {
        send_idempotent(request).await
    }
}
