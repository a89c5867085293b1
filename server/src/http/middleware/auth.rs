//! Authentication of a project's server, a widget and an operator by their bearer tokens.

use super::client_info::address;
use super::error::unauthorized;
use super::extract::id;
use super::limits::RequestPermit;
use super::request_id::record_order;
use crate::app::App;
use crate::flow::audit::Actor;
use crate::flow::invoices::InvoiceRow;
use crate::flow::keys::{KeyOwner, KeyScope};
use crate::flow::operators::{Authenticated, Role};
use crate::flow::projects::Project;
use crate::flow::{Error, invoices, keys, operators, projects};
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum_extra::headers::authorization::{Authorization, Bearer};
use axum_extra::headers::{HeaderMapExt, Origin};
use secrecy::{ExposeSecret, SecretString};
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use till_shared::id::InvoiceId;
use till_shared::problem::ProblemType;
use tracing::Span;

/// The credentials of `Authorization: Bearer ...` (RFC 6750).
pub fn bearer(headers: &HeaderMap) -> Option<Authorization<Bearer>> {
    headers.typed_get()
}

/// The scope that a call needs.
pub trait Scope: Send + Sync {
    /// The scope.
    const SCOPE: KeyScope;
}

/// The scope `read`.
pub struct Read;
/// The scope `write`.
pub struct Write;
/// The scope `refund`.
pub struct Refund;

impl Scope for Read {
    const SCOPE: KeyScope = KeyScope::Read;
}

impl Scope for Write {
    const SCOPE: KeyScope = KeyScope::Write;
}

impl Scope for Refund {
    const SCOPE: KeyScope = KeyScope::Refund;
}

/// The project that the secret key belongs to. The key has the scope `S`.
pub struct Secret<S> {
    /// The project.
    pub project: Arc<Project>,
    /// The key, for the audit log.
    pub actor: Actor,
    scope: PhantomData<S>,
}

impl<S: Scope> FromRequestParts<Arc<App>> for Secret<S> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let key = bearer(&parts.headers)
            .filter(|key| key.token().starts_with("sk_"))
            .ok_or_else(|| {
                unauthorized(
                    "Authenticate with the project's secret key: Authorization: Bearer sk_...",
                )
            })?;
        let owner = keys::find(app, key.token()).await?;
        let owner = owner.ok_or_else(|| unauthorized("The secret key is not valid."))?;
        let KeyOwner { project, key } = owner;
        begin(parts, &project)?;
        if !key.scopes.contains(&S::SCOPE) {
            let detail = format!(
                "The secret key does not have the scope `{}`, which this call needs.",
                S::SCOPE
            );
            return Err(Error::problem(ProblemType::Forbidden, detail));
        }
        Ok(Self {
            project,
            actor: Actor::key(&key, address(parts, app)),
            scope: PhantomData,
        })
    }
}

/// The project whose page sends the request, authenticated by the publishable key. The page is of an
/// allowed origin, and the project confirms orders.
pub struct FromPage(pub Project);

impl FromRequestParts<Arc<App>> for FromPage {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let pk = bearer(&parts.headers).filter(|key| key.token().starts_with("pk_"));
        let pk = pk.ok_or_else(|| {
            unauthorized(
                "Authenticate with the project's publishable key: Authorization: Bearer pk_...",
            )
        })?;
        let project = projects::find_by_publishable_key(app, pk.token()).await?;
        let project = project.ok_or_else(|| unauthorized("The publishable key is not valid."))?;
        let origin: Option<Origin> = parts.headers.typed_get();
        let origin = origin.map(|origin| origin.to_string());
        if !origin.is_some_and(|origin| project.settings.allowed_origins.contains(&origin)) {
            let detail = "The origin of the page is not one of the project's allowed_origins.";
            return Err(Error::problem(ProblemType::Forbidden, detail));
        }
        if project.settings.check_url.is_none() {
            let detail =
                "Creating an invoice from a page requires a check_url in the project's settings.";
            return Err(Error::problem(ProblemType::Forbidden, detail));
        }
        begin(parts, &project)?;
        Ok(Self(project))
    }
}

/// The project that the server made the widget's page for, which every request of the page names. Sites of
/// that project embed the page, and must not show another project's invoices in it.
const PAGE_PROJECT: &str = "till-project";

/// The invoice of the path and its project, authenticated by the client token.
pub struct Client {
    /// The project.
    pub project: Arc<Project>,
    /// The invoice.
    pub invoice: InvoiceRow,
}

impl FromRequestParts<Arc<App>> for Client {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let id: InvoiceId = path_id(parts, app, "invoice").await?;
        let token = bearer(&parts.headers)
            .ok_or_else(|| unauthorized("Authenticate with the invoice's client token."))?;
        if !app.keys.is_client_token(&id, token.token()) {
            return Err(unauthorized(
                "The client token is not valid for this invoice.",
            ));
        }
        let found = invoices::find(app, &id).await?;
        let (project, invoice) = found.ok_or_else(|| Error::not_found("invoice"))?;
        let page = parts.headers.get(PAGE_PROJECT);
        if page.is_some_and(|page| page.as_bytes() != project.id.as_str().as_bytes()) {
            return Err(unauthorized(
                "The invoice belongs to another project than the page.",
            ));
        }
        if invoices::token_has_ended(&invoice) {
            return Err(unauthorized(
                "The client token has ended: the invoice was paid, canceled or expired more than a day ago.",
            ));
        }
        begin(parts, &project)?;
        record_order(&invoice.order_id);
        Ok(Self { project, invoice })
    }
}

/// Records the project of a request for the log, and counts the request as one of the project's.
fn begin(parts: &Parts, project: &Project) -> Result<(), Error> {
    Span::current().record("project", project.id.as_str());
    RequestPermit::of(parts)?.share(&project.id)
}

async fn path_id<T: FromStr>(parts: &mut Parts, app: &Arc<App>, name: &str) -> Result<T, Error> {
    let params = RawPathParams::from_request_parts(parts, app).await.ok();
    let text = params
        .iter()
        .flatten()
        .find_map(|(key, value)| (key == name).then_some(value));
    id(text.unwrap_or_default(), name)
}

/// The role that a call needs.
pub trait NeedsRole: Send + Sync {
    /// The role.
    const ROLE: Role;
}

/// The role `viewer`.
pub struct Viewer;
/// The role `support`.
pub struct Support;
/// The role `admin`.
pub struct Admin;

impl NeedsRole for Viewer {
    const ROLE: Role = Role::Viewer;
}

impl NeedsRole for Support {
    const ROLE: Role = Role::Support;
}

impl NeedsRole for Admin {
    const ROLE: Role = Role::Admin;
}

/// An operator with the role `R` or one that includes it, authenticated by a token: one of the database, or
/// the one of the settings, which is an admin's.
pub struct Operator<R> {
    /// The operator, for the audit log.
    pub actor: Actor,
    role: PhantomData<R>,
}

impl<R: NeedsRole> FromRequestParts<Arc<App>> for Operator<R> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let operator = operator(parts, app).await?;
        Span::current().record("operator", &operator.name);
        if !operator.role.includes(R::ROLE) {
            let detail = format!(
                "This call needs the role `{}`. The operator {} has the role `{}`.",
                R::ROLE,
                operator.name,
                operator.role
            );
            return Err(Error::problem(ProblemType::Forbidden, detail));
        }
        Ok(Self {
            actor: Actor::operator(operator.name, address(parts, app)),
            role: PhantomData,
        })
    }
}

async fn operator(parts: &Parts, app: &App) -> Result<Authenticated, Error> {
    let given = bearer(&parts.headers);
    let given = given.as_ref().map_or("", Authorization::token);
    let own = app.config.operator_token.as_ref();
    let is_own = |own: &SecretString| {
        let equal = own.expose_secret().as_bytes().ct_eq(given.as_bytes());
        bool::from(equal)
    };
    if own.is_some_and(is_own) {
        return Ok(Authenticated {
            name: operators::SETTINGS.into(),
            role: Role::Admin,
        });
    }
    if given.starts_with(operators::TOKEN_PREFIX)
        && let Some(operator) = operators::find(app, given).await?
    {
        return Ok(operator);
    }
    if own.is_none() && !operators::exist(app).await? {
        let detail = "The operator API is disabled: there is no operator, and TILL_OPERATOR_TOKEN is not set.";
        return Err(Error::problem(ProblemType::Forbidden, detail));
    }
    Err(unauthorized("Authenticate with an operator's token."))
}
