//! A row of each table.

use anyhow::Result;
use serde_json::json;
use till_server::domain::reference::{Reference, ReferenceObject};
use till_server::store::audit_log::{AuditRow, Link};
use till_server::store::card_encryption_keys::CardEncryptionKeyRow;
use till_server::store::connector_accounts::AccountRow;
use till_server::store::disputes::DisputeRow;
use till_server::store::events::NewEvent;
use till_server::store::invoices::InvoiceRow;
use till_server::store::operators::{OperatorRow, Role};
use till_server::store::payments::PaymentRow;
use till_server::store::projects::{CaptchaSettings, Project};
use till_server::store::refunds::RefundRow;
use till_server::store::secret_keys::{KeyScope, SecretKey};
use till_shared::buyer::Buyer;
use till_shared::captcha::CaptchaKind;
use till_shared::dispute::DisputeStatus;
use till_shared::event::EventType;
use till_shared::id::{DisputeId, EventId, InvoiceId, KeyId, PaymentId, ProjectId, RefundId};
use till_shared::invoice::InvoiceStatus;
use till_shared::money::Money;
use till_shared::payment::{Method, PaymentStatus};
use till_shared::refund::{RefundSource, RefundStatus};
use till_shared::widget::Verification;

/// The unique part of every id.
pub const ID: &str = "019abc0de0007000800000000000000a";
/// A time (milliseconds).
pub const NOW: i64 = 1_800_000_000_000;

fn money() -> Result<Money> {
    Ok(Money {
        amount: 100,
        currency: "EUR".parse()?,
    })
}

/// A project with a captcha.
pub fn project() -> Result<Project> {
    Ok(Project {
        id: ProjectId::from_unique(ID),
        pk: "pk".into(),
        signing_secrets: vec![],
        settings: serde_json::from_value(json!({ "name": "Shop" }))?,
        notify_off: None,
        captcha: Some(CaptchaSettings {
            kind: CaptchaKind::Turnstile,
            site_key: "key".into(),
            secret: "secret".into(),
            verify_url: None,
            script_url: None,
        }),
        version: 1,
        created_at: NOW,
    })
}

/// An account at a payment system.
pub fn account() -> AccountRow {
    AccountRow {
        kind: "sandbox".into(),
        account: "a".into(),
        label: "A".into(),
        credentials: "encrypted".into(),
        methods: vec![],
        currencies: vec![],
        card_entry: None,
    }
}

/// A named key.
pub fn key() -> SecretKey {
    SecretKey {
        id: KeyId::from_unique(ID),
        name: "name".into(),
        scopes: vec![KeyScope::Read],
        created_at: NOW,
        last_used_at: None,
        valid_until: None,
    }
}

/// An invoice that has ended.
pub fn invoice() -> Result<InvoiceRow> {
    Ok(InvoiceRow {
        id: InvoiceId::from_unique(ID),
        project: ProjectId::from_unique(ID),
        order_id: "order".into(),
        order_hash: "hash".into(),
        money: money()?,
        description: None,
        items: vec![],
        buyer: Buyer::default(),
        locale: None,
        success_url: None,
        failure_url: None,
        metadata: [].into(),
        method: None,
        status: InvoiceStatus::Canceled,
        amount_refunded: 0,
        checked: false,
        event_seq: 0,
        version: 1,
        created_at: NOW,
        expires_at: NOW,
        paid_at: None,
        from_browser: false,
        ended_at: Some(NOW),
        buyer_removed_at: None,
    })
}

/// A payment that succeeded.
pub fn payment() -> Result<PaymentRow> {
    Ok(PaymentRow {
        id: PaymentId::from_unique(ID),
        invoice: InvoiceId::from_unique(ID),
        project: ProjectId::from_unique(ID),
        method: Method::Card,
        connector: "sandbox".into(),
        account: "a".into(),
        reference: Some(Reference {
            id: "reference".into(),
            object: ReferenceObject::Payment,
        }),
        money: money()?,
        status: PaymentStatus::Succeeded,
        decline: None,
        card: None,
        verification: Verification::None,
        checks: 0,
        next_check_at: None,
        duplicate: false,
        review: None,
        called_off: false,
        first_attempt: None,
        suspicious: false,
        amount_refunded: 0,
        amount_reversed: 0,
        created_at: NOW,
        updated_at: NOW,
    })
}

/// A refund that failed.
pub fn refund() -> RefundRow {
    RefundRow {
        id: RefundId::from_unique(ID),
        payment: PaymentId::from_unique(ID),
        project: ProjectId::from_unique(ID),
        amount: 100,
        reason: Some("reason".into()),
        status: RefundStatus::Failed,
        reference: None,
        source: RefundSource::Project,
        sent: false,
        attempts: 0,
        next_attempt_at: None,
        created_at: NOW,
        updated_at: NOW,
    }
}

/// A dispute that was lost.
pub fn dispute() -> Result<DisputeRow> {
    Ok(DisputeRow {
        id: DisputeId::from_unique(ID),
        payment: PaymentId::from_unique(ID),
        project: ProjectId::from_unique(ID),
        reference: "reference".into(),
        money: money()?,
        reason: None,
        status: DisputeStatus::Lost,
        respond_by: None,
        created_at: NOW,
        updated_at: NOW,
    })
}

/// A callback.
pub fn event(id: &EventId, project: &ProjectId, invoice: &InvoiceId) -> NewEvent {
    NewEvent {
        id: id.clone(),
        project: project.clone(),
        project_version: 1,
        invoice: Some(invoice.clone()),
        sequence: 1,
        kind: EventType::InvoicePaid,
        body: "{}".into(),
        about: "about".into(),
        now: NOW,
        due: false,
    }
}

/// An entry of the audit log.
pub fn audit_entry() -> (AuditRow, Link) {
    let entry = AuditRow {
        id: ID.into(),
        at: NOW,
        actor: "command".into(),
        actor_id: None,
        actor_name: Some("name".into()),
        origin: None,
        action: "action".into(),
        project: None,
        subject: "subject".into(),
        detail: "{}".into(),
        state_before: None,
        state_after: None,
    };
    let link = Link {
        seq: 1,
        previous_hash: "first".into(),
        hash: "hash".into(),
    };
    (entry, link)
}

/// An operator.
pub fn operator() -> OperatorRow {
    OperatorRow {
        name: "name".into(),
        role: Role::Viewer,
        created_at: NOW,
        last_used_at: None,
        valid_until: None,
    }
}

/// The key of a day.
pub fn card_encryption_key() -> CardEncryptionKeyRow {
    CardEncryptionKeyRow {
        id: "id".into(),
        private_key: "encrypted".into(),
    }
}
