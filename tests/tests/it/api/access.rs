//! Who may call what: every operation of the OpenAPI document by every caller. An operation without a
//! row in [`ACCESS`] fails the test.

use anyhow::{Context, Result, ensure};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use till_tests::TestApp;
use till_tests::app::{OPERATOR_TOKEN, Setup};
use till_tests::cards::APPROVED;
use till_tests::client::{Keys, Opened, events, send, text};
use till_tests::wait::until;

/// Whose calls an operation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Everybody's. It names no object, or only what the caller brings.
    Public,
    /// Those with the secret key of the project that the object belongs to.
    Project,
    /// Those with the client token of the invoice.
    Invoice,
    /// Those with the publishable key, from an allowed origin.
    Page,
    /// The operator's.
    Operator,
    /// Those that the payment system has signed.
    Signed,
}

const ACCESS: &[(&str, Access)] = &[
    ("listInvoices", Access::Project),
    ("createInvoice", Access::Project),
    ("getInvoice", Access::Project),
    ("cancelInvoice", Access::Project),
    ("listPayments", Access::Project),
    ("getPayment", Access::Project),
    ("createRefund", Access::Project),
    ("listRefunds", Access::Project),
    ("getRefund", Access::Project),
    ("listDisputes", Access::Project),
    ("getDispute", Access::Project),
    ("listEvents", Access::Project),
    ("getEvent", Access::Project),
    ("resendEvent", Access::Project),
    ("resendEvents", Access::Project),
    ("pingEndpoint", Access::Project),
    ("advanceTestClock", Access::Project),
    ("createProject", Access::Operator),
    ("listProjects", Access::Operator),
    ("getProject", Access::Operator),
    ("updateProject", Access::Operator),
    ("rotateProjectKey", Access::Operator),
    ("rotateProjectSecret", Access::Operator),
    ("resolvePayment", Access::Operator),
    ("createInvoiceFromPage", Access::Page),
    ("getBillingData", Access::Invoice),
    ("streamInvoice", Access::Invoice),
    ("fixPayment", Access::Invoice),
    ("cancelPayment", Access::Invoice),
    ("receiveWebhook", Access::Signed),
    ("submitPaymentForm", Access::Public),
    ("returnFromVerification", Access::Public),
    ("returnFromVerificationByForm", Access::Public),
    ("getPaymentPage", Access::Public),
    ("redirectToPaymentPage", Access::Public),
    ("getPaymentFrame", Access::Public),
    ("getCaptcha", Access::Public),
    ("getEmbedVersion", Access::Public),
    ("getEmbedScriptVersion", Access::Public),
    ("getWidgetTexts", Access::Public),
    ("getWidgetFile", Access::Public),
    ("getEmbedScript", Access::Public),
    ("getEmbedTypes", Access::Public),
    ("getProblemType", Access::Public),
    ("getHealth", Access::Public),
    ("getReadiness", Access::Public),
    ("getMetrics", Access::Public),
    ("getSandbox", Access::Public),
];

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Nobody,
    /// A bearer token that never existed.
    Stranger,
    Project,
    OtherProject,
    Page,
    /// The publishable key without an allowed origin.
    OtherPage,
    Invoice,
    /// The client token of another invoice of the project.
    OtherInvoice,
    /// The client token of an invoice that was paid more than a day ago, for this invoice.
    EndedInvoice,
    Operator,
}

const CALLERS: [Caller; 10] = [
    Caller::Nobody,
    Caller::Stranger,
    Caller::Project,
    Caller::OtherProject,
    Caller::Page,
    Caller::OtherPage,
    Caller::Invoice,
    Caller::OtherInvoice,
    Caller::EndedInvoice,
    Caller::Operator,
];

impl Caller {
    fn may(self, access: Access) -> bool {
        match access {
            Access::Public => true,
            Access::Project => self == Self::Project,
            Access::Invoice => self == Self::Invoice,
            Access::Page => self == Self::Page,
            Access::Operator => self == Self::Operator,
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
        let parameters = BTreeMap::from([
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
        Ok(state)
    }
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
            Access::Project => json!([{ "secret_key": [] }]),
            Access::Invoice => json!([{ "client_token": [] }]),
            Access::Page => json!([{ "publishable_key": [] }]),
            Access::Operator => json!([{ "operator": [] }]),
        };
        ensure!(*declared == scheme, "{id} declares {declared}");
        for caller in CALLERS.into_iter().filter(|caller| !caller.may(access)) {
            let response = scene.call(method, path, caller)?.send().await?;
            let status = response.status().as_u16();
            let body = response.text().await?;
            let names_an_object = path.contains('{');
            let expected = match (access, caller) {
                // What another project has does not exist, or is not in the list.
                (Access::Project, Caller::OtherProject) if names_an_object => status == 404,
                (Access::Project, Caller::OtherProject) => status != 404,
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
