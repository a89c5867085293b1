//! Who may call what: every operation of the OpenAPI document by every caller. An operation without a
//! row in [`ACCESS`] fails the test.

mod table;

use anyhow::{Context, Result, ensure};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use table::{ACCESS, Access};
use till_tests::TestApp;
use till_tests::app::{OPERATOR_TOKEN, Setup};
use till_tests::cards::APPROVED;
use till_tests::client::{Keys, Opened, events, send, text};
use till_tests::wait::until;

/// The scopes of secret keys.
const SCOPES: [&str; 3] = ["read", "write", "refund"];
/// The roles of operators. Each includes those before it.
const ROLES: [&str; 3] = ["viewer", "support", "admin"];

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Nobody,
    /// A bearer token that never existed.
    Stranger,
    /// The key with all scopes.
    Project,
    /// The key with this scope only.
    Scoped(&'static str),
    /// A key that has all scopes and was revoked.
    RevokedKey,
    OtherProject,
    Page,
    /// The publishable key without an allowed origin.
    OtherPage,
    Invoice,
    /// The client token of another invoice of the project.
    OtherInvoice,
    /// The client token of an invoice that was paid more than a day ago, for this invoice.
    EndedInvoice,
    /// The operator of the settings.
    Operator,
    /// An operator with this role.
    Named(&'static str),
    /// An admin who was revoked.
    RevokedOperator,
}

const CALLERS: [Caller; 18] = [
    Caller::Nobody,
    Caller::Stranger,
    Caller::Project,
    Caller::Scoped("read"),
    Caller::Scoped("write"),
    Caller::Scoped("refund"),
    Caller::RevokedKey,
    Caller::OtherProject,
    Caller::Page,
    Caller::OtherPage,
    Caller::Invoice,
    Caller::OtherInvoice,
    Caller::EndedInvoice,
    Caller::Operator,
    Caller::Named("viewer"),
    Caller::Named("support"),
    Caller::Named("admin"),
    Caller::RevokedOperator,
];

impl Caller {
    fn may(self, access: Access) -> bool {
        match access {
            Access::Public => true,
            Access::Project(scope) => [Self::Project, Self::Scoped(scope)].contains(&self),
            Access::Invoice => self == Self::Invoice,
            Access::Page => self == Self::Page,
            Access::Operator(needed) => {
                let rank = |role| ROLES.iter().position(|known| *known == role);
                self == Self::Operator
                    || matches!(self, Self::Named(role) if rank(role) >= rank(needed))
            }
            Access::Signed => false,
        }
    }
}

/// A project with an object of every kind, and the credentials of every caller.
struct Scene {
    app: TestApp,
    other: Keys,
    open: Opened,
    other_invoice: Opened,
    ended: Opened,
    /// The keys and tokens that only some callers have, by [`Caller`].
    credentials: Vec<(Caller, String)>,
    /// What stands for each parameter of a path.
    parameters: BTreeMap<&'static str, String>,
}

impl Scene {
    async fn set() -> Result<Self> {
        let app = TestApp::set_up(Setup {
            project_args: &["--check-url", "PROJECT/check"],
            settings: &["--connector-timeout-ms", "5000"],
            ..Setup::default()
        })
        .await?;
        let other = app.project_at(&app.project.url, &[]).await?;
        let ended = app.api.invoice("ended").await?;
        let paid = app.api.paid_with(&ended, APPROVED).await?;
        app.api.until_status(&ended.id, "paid").await?;
        let payment = text(&paid["payment"]["id"])?;
        let refund = app
            .api
            .secret(Method::POST, &format!("/v1/payments/{payment}/refunds"))
            .json(&json!({ "amount": 100 }));
        let refund = text(&send(refund).await?.json()["id"])?;
        until("the refund", async || {
            let read = app
                .api
                .secret(Method::GET, &format!("/v1/refunds/{refund}"));
            Ok(send(read).await?.json()["status"] == "succeeded")
        })
        .await?;
        let event = events(&app.api, "").await?;
        let event = text(&event.first().context("no event")?["id"])?;
        sqlx::query("update invoices set ended_at = ended_at - 172800000 where id = $1")
            .bind(&ended.id)
            .execute(&app.store().await?)
            .await?;
        let open = app.api.invoice("open").await?;
        let account = app.operator(Method::GET, &format!("/v1/projects/{}", app.keys.id));
        let account = send(account).await?.json()["connectors"][0]["account"].clone();
        let credentials = credentials(&app).await?;
        let unused = key(&app, "unused", &["read"]).await?;
        let parameters = BTreeMap::from([
            ("key", text(&unused["id"])?),
            ("invoice", open.id.clone()),
            ("payment", payment),
            ("refund", refund),
            ("dispute", "dsp_01900000000070008000000000000001".into()),
            ("event", event),
            ("project", app.keys.id.clone()),
            ("kind", "sandbox".into()),
            ("account", text(&account)?),
            ("type", "not-found".into()),
            ("name", "none.js".into()),
        ]);
        Ok(Self {
            other_invoice: app.api.invoice("other").await?,
            app,
            other,
            open,
            ended,
            credentials,
            parameters,
        })
    }

    /// A call of an operation by a caller.
    fn call(&self, method: &Method, path: &str, caller: Caller) -> Result<RequestBuilder> {
        let mut path = path.to_owned();
        for (name, value) in &self.parameters {
            let value = match (caller, *name) {
                (Caller::EndedInvoice, "invoice") => &self.ended.id,
                _ => value,
            };
            path = path.replace(&format!("{{{name}}}"), value);
        }
        ensure!(
            !path.contains('{'),
            "{path} has a parameter without a value"
        );
        let mut request = self.app.api.request(method.clone(), &path);
        if *method != Method::GET {
            request = request.json(&json!({}));
        }
        let keys = &self.app.keys;
        Ok(match caller {
            Caller::Nobody => request,
            Caller::Stranger => request.bearer_auth("sk_0123456789abcdef0123456789abcdef"),
            Caller::Project => request.bearer_auth(&keys.sk),
            Caller::OtherProject => request.bearer_auth(&self.other.sk),
            Caller::Page => request
                .bearer_auth(&keys.pk)
                .header("origin", "https://shop.example"),
            Caller::OtherPage => request
                .bearer_auth(&keys.pk)
                .header("origin", "https://evil.example"),
            Caller::Invoice => request.bearer_auth(&self.open.token),
            Caller::OtherInvoice => request.bearer_auth(&self.other_invoice.token),
            Caller::EndedInvoice => request.bearer_auth(&self.ended.token),
            Caller::Operator => request.bearer_auth(OPERATOR_TOKEN),
            Caller::Scoped(_) | Caller::RevokedKey | Caller::Named(_) | Caller::RevokedOperator => {
                let found = self.credentials.iter().find(|(of, _)| *of == caller);
                let (_, credential) = found.with_context(|| format!("{caller:?}"))?;
                request.bearer_auth(credential)
            }
        })
    }

    /// Everything that a refused call could have changed.
    async fn state(&self) -> Result<Vec<Value>> {
        let mut state = vec![];
        for path in ["/v1/invoices", "/v1/payments", "/v1/refunds", "/v1/events"] {
            state.push(send(self.app.api.secret(Method::GET, path)).await?.json());
        }
        let projects = self.app.operator(Method::GET, "/v1/projects");
        state.push(send(projects).await?.json());
        let keys = format!("/v1/projects/{}/keys", self.app.keys.id);
        let mut keys = send(self.app.operator(Method::GET, &keys)).await?.json();
        for key in keys["data"].as_array_mut().into_iter().flatten() {
            key["last_used_at"].take();
        }
        state.push(keys);
        Ok(state)
    }
}

/// Creates a key.
async fn key(app: &TestApp, name: &str, scopes: &[&str]) -> Result<Value> {
    let path = format!("/v1/projects/{}/keys", app.keys.id);
    let request = app.operator(Method::POST, &path);
    let answer = send(request.json(&json!({ "name": name, "scopes": scopes }))).await?;
    ensure!(answer.status == 201, "{answer:?}");
    Ok(answer.json())
}

async fn credentials(app: &TestApp) -> Result<Vec<(Caller, String)>> {
    let mut all = vec![];
    for scope in SCOPES {
        let key = key(app, scope, &[scope]).await?;
        all.push((Caller::Scoped(scope), text(&key["sk"])?));
    }
    let revoked = key(app, "revoked", &SCOPES).await?;
    let id = text(&revoked["id"])?;
    let path = format!("/v1/projects/{}/keys/{id}", app.keys.id);
    let answer = send(app.operator(Method::DELETE, &path)).await?;
    ensure!(answer.status == 200, "{answer:?}");
    all.push((Caller::RevokedKey, text(&revoked["sk"])?));
    for role in ROLES {
        all.push((Caller::Named(role), app.create_operator(role, role).await?));
    }
    let revoked = app.create_operator("revoked", "admin").await?;
    let done = app.till(&["operator", "revoke", "revoked"]).await?;
    ensure!(done.is_ok(), "{done:?}");
    all.push((Caller::RevokedOperator, revoked));
    Ok(all)
}

/// The operations of the document: method, path, id and declared credentials.
async fn operations(app: &TestApp) -> Result<Vec<(Method, String, String, Value)>> {
    let api = send(app.api.request(Method::GET, "/openapi.json"))
        .await?
        .json();
    let mut operations = vec![];
    for (path, item) in api["paths"].as_object().context("no paths")? {
        for (method, operation) in item.as_object().context("no operations")? {
            let Ok(method) = Method::from_bytes(method.to_uppercase().as_bytes()) else {
                continue;
            };
            let id = text(&operation["operationId"])?;
            operations.push((method, path.clone(), id, operation["security"].clone()));
        }
    }
    Ok(operations)
}

#[tokio::test]
async fn every_operation_takes_the_calls_of_its_callers_only() -> Result<()> {
    let scene = Scene::set().await?;
    let operations = operations(&scene.app).await?;
    let known: BTreeMap<_, _> = ACCESS.iter().copied().collect();
    let before = scene.state().await?;
    for (method, path, id, declared) in &operations {
        let access = *known
            .get(id.as_str())
            .with_context(|| format!("{id} has no row in ACCESS"))?;
        let scheme = match access {
            Access::Public | Access::Signed => json!([]),
            Access::Project(scope) => json!([{ "secret_key": [scope] }]),
            Access::Invoice => json!([{ "client_token": [] }]),
            Access::Page => json!([{ "publishable_key": [] }]),
            Access::Operator(role) => json!([{ "operator": [role] }]),
        };
        ensure!(*declared == scheme, "{id} declares {declared}");
        for caller in CALLERS.into_iter().filter(|caller| !caller.may(access)) {
            let response = scene.call(method, path, caller)?.send().await?;
            let status = response.status().as_u16();
            let body = response.text().await?;
            let names_an_object = path.contains('{');
            let expected = match (access, caller) {
                // What another project has does not exist, or is not in the list.
                (Access::Project(_), Caller::OtherProject) if names_an_object => status == 404,
                (Access::Project(_), Caller::OtherProject) => status != 404,
                (Access::Project(needed), Caller::Scoped(_))
                | (Access::Operator(needed), Caller::Named(_)) => {
                    status == 403 && body.contains(&format!("`{needed}`"))
                }
                (Access::Page, Caller::OtherPage) => status == 403,
                (Access::Signed, _) => (400..=401).contains(&status),
                _ => status == 401,
            };
            ensure!(expected, "{id} by {caller:?}: {status} {body}");
            let tells = scene
                .parameters
                .iter()
                .filter(|(name, _)| !["kind", "type", "name", "account"].contains(name))
                .any(|(_, value)| body.contains(value.as_str()) && status < 300);
            ensure!(!tells, "{id} tells {caller:?} of the project: {body}");
        }
    }
    let after = scene.state().await?;
    ensure!(before == after, "a refused call changed {after:?}");
    for (method, path, id, _) in &operations {
        let access = known[id.as_str()];
        for caller in CALLERS.into_iter().filter(|caller| caller.may(access)) {
            // The body is not read: live events have no end.
            let status = scene.call(method, path, caller)?.send().await?.status();
            let taken = ![401, 403].contains(&status.as_u16());
            ensure!(taken, "{id} by {caller:?}: {status}");
            // There is no dispute, and the payment belongs to another invoice than the open one.
            let absent = ["getDispute", "cancelPayment"].contains(&id.as_str());
            let found = status != 404 || access == Access::Public || absent;
            ensure!(found, "{id} by {caller:?}: {status}");
        }
    }
    let described: Vec<_> = operations.iter().map(|(.., id, _)| id.as_str()).collect();
    let gone = ACCESS.iter().find(|(id, _)| !described.contains(id));
    ensure!(gone.is_none(), "the document has no {gone:?}");
    Ok(())
}
