//! One call of each function of the store that runs a statement, with rows to work on.

use super::lists;
use super::rows::{self, ID, NOW};
use anyhow::{Result, ensure};
use std::slice;
use till_server::crypto::{EncryptedColumn, KeyId as EncryptionKeyId};
use till_server::domain::attempts::Room;
use till_server::domain::payment::Review;
use till_server::store::connector_webhooks::NewWebhook;
use till_server::store::event_attempts::{Attempt as DeliveryAttempt, Attempted, Next};
use till_server::store::event_resends::{self, ResendFilter};
use till_server::store::events::{self, After};
use till_server::store::idempotency_keys::{NewAnswer, NewClaim};
use till_server::store::payment_attempts::{self, Attempt, Counting};
use till_server::store::payments::{Reported, references};
use till_server::store::retention::Expiring;
use till_server::store::test_clock::{self, Scope};
use till_server::store::{
    Store, audit_log, buyer_data, connector_accounts, disputes, event_data, invoices, operators,
    payments, projects, refunds, reversals, secret_keys,
};
use till_shared::event::{DeliveryState, EventType};
use till_shared::id::{DisputeId, EventId, InvoiceId, KeyId, PaymentId, ProjectId, RefundId};

/// Calls everything. What is removed is removed last.
pub async fn call_everything(store: &Store) -> Result<()> {
    keep_projects(store).await?;
    keep_invoices(store).await?;
    take_payments(store).await?;
    refund(store).await?;
    deliver(store).await?;
    administrate(store).await?;
    lists::call_all(store).await?;
    forget(store).await
}

async fn keep_projects(store: &Store) -> Result<()> {
    let id = ProjectId::from_unique(ID);
    let mut tx = store.begin().await?;
    let mut project = rows::project()?;
    projects::insert(&mut tx, &project).await?;
    projects::lock(&mut tx, &id).await?;
    projects::save(&mut tx, &mut project).await?;
    projects::turn_notifications_off(&mut tx, &id, NOW).await?;
    connector_accounts::write(&mut tx, &id, 0, &rows::account()).await?;
    connector_accounts::of_project(&mut tx, &id).await?;
    connector_accounts::get(&mut tx, "sandbox", "a").await?;
    connector_accounts::remove_all(&mut tx, &id).await?;
    secret_keys::replace(&mut tx, &id, "hash", NOW, NOW).await?;
    secret_keys::insert(&mut tx, &id, "named", &rows::key()).await?;
    let key = KeyId::from_unique(ID);
    secret_keys::get(&mut tx, &id, &key).await?;
    secret_keys::end(&mut tx, &id, &key, NOW).await?;
    tx.commit().await?;
    store.project(&id).await?;
    store.project_by_pk("pk").await?;
    store.list_projects(None, 10).await?;
    store.list_projects(Some(&id), 10).await?;
    store.accounts(&id).await?;
    store.account("sandbox", "a").await?;
    let hashes = ["hash", "named"];
    for hashes in [&hashes[..1], &hashes] {
        let hashes = hashes.iter().copied().collect();
        store.keys_of_projects(&hashes).await?;
    }
    store.list_keys(&id, Some(&key), 10).await?;
    store.record_key_use("hash", NOW, NOW).await?;
    Ok(())
}

async fn keep_invoices(store: &Store) -> Result<()> {
    let id = InvoiceId::from_unique(ID);
    let project = ProjectId::from_unique(ID);
    let mut tx = store.begin().await?;
    let mut invoice = rows::invoice()?;
    invoices::insert(&mut tx, &invoice).await?;
    invoices::lock(&mut tx, &id).await?;
    invoices::lock_order(&mut tx, &project, "order").await?;
    invoices::save(&mut tx, &mut invoice).await?;
    invoices::save_unchanged(&mut tx, &mut invoice).await?;
    invoices::release_order_id(&mut tx, &id).await?;
    tx.commit().await?;
    store.insert_invoices(slice::from_ref(&invoice)).await?;
    store.invoice(&id).await?;
    store.invoice_of_project(&id).await?;
    store.invoice_versions(slice::from_ref(&id)).await?;
    store.project_invoice(&project, &id).await?;
    store.invoice_by_order(&project, "order").await?;
    store.overdue_invoices(NOW, 10).await?;
    let hashes = ["hash".to_owned()];
    // The first call inserts the key, and the second one finds it.
    for _ in 0..2 {
        let claim = NewClaim {
            scope: "scope",
            key: "key",
            request_hashes: &hashes,
            object: ID.into(),
            now: NOW,
            lease_until: NOW,
            expired: 0,
        };
        store.claim_key(claim).await?;
    }
    let answer = NewAnswer {
        encrypted: "answer",
        invoice: &id,
        lease_until: NOW,
    };
    store.answer_key("scope", "key", answer).await?;
    store.release_lease("scope", "key", NOW).await?;
    store.delete_key("scope", "key").await?;
    Ok(())
}

async fn take_payments(store: &Store) -> Result<()> {
    let id = PaymentId::from_unique(ID);
    let (invoice, project) = (InvoiceId::from_unique(ID), ProjectId::from_unique(ID));
    let mut tx = store.begin().await?;
    let payment = rows::payment()?;
    payments::insert(&mut tx, &payment).await?;
    payments::save(&mut tx, &payment).await?;
    payments::get(&mut tx, &id).await?;
    payments::call_off(&mut tx, &invoice, &id, NOW).await?;
    for _ in 0..2 {
        references::claim(&mut tx, &payment, "reference").await?;
    }
    payments::of_invoice(&mut tx, &invoice).await?;
    for counting in [Counting::Declined, Counting::TakenBack] {
        payment_attempts::count(&mut tx, &id, counting, NOW).await?;
    }
    reversals::insert(&mut tx, &id, "reference", 1, NOW).await?;
    tx.commit().await?;
    let mut row = rows::invoice()?;
    store.create_payment(&mut row, &payment).await?;
    if store.saves_reports() {
        let report = Reported {
            invoice: &row,
            payment: &payment,
            new_reference: Some("reference"),
            attempt: Some((&id, Counting::TakenBack)),
            events: &[rows::event(&EventId::from_unique(2), &project, &invoice)],
        };
        store.save_report(report).await?;
    }
    store.newest_attempt(&id).await?;
    store.live_payment_of(&project, "sandbox", "a").await?;
    store
        .payment_to_change_by_reference("sandbox", "reference")
        .await?;
    store.payment(&id).await?;
    store.payment_to_change(&id).await?;
    store.project_payment(&project, &id).await?;
    store.payments_of(&invoice).await?;
    store.payments_of_all(&[&invoice]).await?;
    store.project_payments(&project, &[&id]).await?;
    store.mark_for_review(&id, Review::Amount).await?;
    let account = ("sandbox".to_owned(), "a".to_owned());
    store.accounts_with_due_payments(NOW).await?;
    store.claim_due_payments(&account, NOW, NOW, 10).await?;
    store.schedule_check(&id, NOW).await?;
    store.unknown_payments().await?;
    store.payments_to_review().await?;
    let attempt = Attempt {
        payment: &id,
        project: &project,
        invoice: &invoice,
        addresses: vec!["address".into()],
        cards: vec!["card".into()],
    };
    store.count_payment_attempts(&attempt, NOW).await?;
    let room = Room {
        since: 0,
        points: 1,
    };
    let rooms = [room, room, room, room];
    store.record_payment_attempt(&attempt, rooms, NOW).await?;
    store.delete_payment_attempt(&id).await?;
    store.prune_payment_attempts(NOW, 10).await?;
    for (id, at) in [("older", 0), ("newer", NOW)] {
        let webhook = NewWebhook {
            connector: "sandbox".into(),
            account: "a".into(),
            event_id: id.into(),
            received_at: at,
        };
        store.record_webhooks(&[webhook]).await?;
    }
    store.last_webhook("sandbox", "a").await?;
    Ok(())
}

async fn refund(store: &Store) -> Result<()> {
    let id = RefundId::from_unique(ID);
    let (payment, project) = (PaymentId::from_unique(ID), ProjectId::from_unique(ID));
    let mut tx = store.begin().await?;
    let row = rows::refund();
    refunds::insert(&mut tx, &row).await?;
    refunds::save(&mut tx, &row).await?;
    refunds::get(&mut tx, &id).await?;
    refunds::by_reference(&mut tx, &payment, "reference").await?;
    refunds::of_invoice(&mut tx, &InvoiceId::from_unique(ID)).await?;
    refunds::claimed(&mut tx, &payment).await?;
    let row = rows::dispute()?;
    disputes::insert(&mut tx, &row).await?;
    disputes::save(&mut tx, &row).await?;
    disputes::by_reference(&mut tx, &payment, "reference").await?;
    tx.commit().await?;
    store.refund(&id).await?;
    store.project_refund(&project, &id).await?;
    let account = ("sandbox".to_owned(), "a".to_owned());
    store.accounts_with_due_refunds(NOW).await?;
    store.claim_due_refunds(&account, NOW, NOW, 10).await?;
    store.mark_refund_sent(&id, true).await?;
    store.mark_refund_refused(&id, NOW).await?;
    store.schedule_refund(&id, NOW).await?;
    store.refunds_to_review().await?;
    store
        .project_dispute(&project, &DisputeId::from_unique(ID))
        .await?;
    Ok(())
}

async fn deliver(store: &Store) -> Result<()> {
    let id = EventId::from_unique(ID);
    let (invoice, project) = (InvoiceId::from_unique(ID), ProjectId::from_unique(ID));
    let mut tx = store.begin().await?;
    events::insert(&mut tx, &[rows::event(&id, &project, &invoice)]).await?;
    tx.commit().await?;
    let more = [(3, "second"), (4, "third"), (5, "fourth")].map(|(number, about)| {
        let mut event = rows::event(&EventId::from_unique(number), &project, &invoice);
        event.about = about.into();
        event.sequence = number;
        event
    });
    let [one, others @ ..] = &more;
    store.insert_events(slice::from_ref(one)).await?;
    store.insert_events(others).await?;
    store.release_stranded_events(NOW).await?;
    store.projects_with_due_events(NOW).await?;
    store.claim_due_events(&project, NOW, NOW, 10).await?;
    store.event(&project, &id).await?;
    store.count_unsent_events(&project).await?;
    store.pending_callbacks().await?;
    let attempt = DeliveryAttempt {
        at: NOW,
        duration_ms: 1,
        status: None,
        error: None,
        answer: None,
    };
    let later = Next::Retry {
        at: NOW,
        refused: false,
    };
    for next in [later, Next::Failed] {
        let attempted = Attempted {
            event: id.clone(),
            invoice: Some(invoice.clone()),
            sequence: 1,
            attempt: attempt.clone(),
            next,
        };
        let lease_until = Some(NOW);
        store
            .record_attempts(&[attempted], NOW, lease_until)
            .await?;
    }
    store.attempts_of(&id).await?;
    store.attempts_of_all(&[&id]).await?;
    let mut tx = store.begin().await?;
    for state in [
        DeliveryState::Failed,
        DeliveryState::Unsent,
        DeliveryState::Delivered,
    ] {
        let filter = ResendFilter {
            state,
            kind: Some(EventType::InvoicePaid),
            after: After::default(),
        };
        event_resends::select(&mut tx, &project, &filter, 10).await?;
        event_resends::resend_selected(&mut tx, &project, &filter, &id, NOW).await?;
    }
    event_resends::resend_one(&mut tx, &project, &id, NOW).await?;
    events::keep_unsent(&mut tx, &project).await?;
    tx.commit().await?;
    Ok(())
}

async fn administrate(store: &Store) -> Result<()> {
    let mut tx = store.begin().await?;
    audit_log::lock_head(&mut tx, "first").await?;
    let (entry, link) = rows::audit_entry();
    audit_log::append(&mut tx, &entry, &link).await?;
    operators::insert(&mut tx, "hash", &rows::operator()).await?;
    operators::lock(&mut tx, "name").await?;
    operators::end(&mut tx, "name", NOW).await?;
    tx.commit().await?;
    store.audit_chain(None, 10).await?;
    store.audit_chain(Some((1, ID)), 10).await?;
    store.audit_head().await?;
    store.count_unchained().await?;
    store.operator_by_hash("hash", NOW).await?;
    store.has_operators().await?;
    store.list_operators(Some("name"), 10).await?;
    store.record_operator_use("hash", NOW, NOW).await?;
    store.record_public_url("https://till.example").await?;
    store.public_url().await?;
    store.record_key_check("check").await?;
    store.replace_key_check("check").await?;
    store.key_check().await?;
    store.record_embed_script("name", "script", NOW).await?;
    store.embed_script("name").await?;
    let key: EncryptionKeyId = "00".repeat(6).parse()?;
    store.record_encryption_key(key, NOW).await?;
    store.encryption_keys().await?;
    store.retire_encryption_key(key, NOW).await?;
    store.count_idempotency_keys(0, NOW).await?;
    store.count_open_invoices(NOW).await?;
    let day_key = rows::card_encryption_key();
    store.insert_card_encryption_key(&day_key, 1, NOW).await?;
    store.card_encryption_key_of(1).await?;
    store.card_encryption_key("id", NOW).await?;
    for column in [
        EncryptedColumn::SigningSecrets,
        EncryptedColumn::Credentials,
        EncryptedColumn::Responses,
        EncryptedColumn::CaptchaSecret,
        EncryptedColumn::CardEncryptionKeys,
    ] {
        let rows = store.encrypted_rows(column, None, 10).await?;
        if let Some(row) = rows.first() {
            store.replace_encrypted(column, row, &row.value).await?;
        }
    }
    ensure!(!store.any_encrypted_with(key).await?);
    Ok(())
}

async fn forget(store: &Store) -> Result<()> {
    let (invoice, project) = (InvoiceId::from_unique(ID), ProjectId::from_unique(ID));
    for searched in [buyer_data::Searched::Invoices, buyer_data::Searched::Events] {
        store
            .find_buyer(searched, &project, "a@b.example", "")
            .await?;
    }
    for kind in Expiring::ALL {
        store.remove_expired(kind, NOW).await?;
    }
    store.any_buyer_data_due(NOW).await?;
    store.remove_event_data(NOW, NOW, NOW).await?;
    let mut tx = store.begin().await?;
    buyer_data::lock_due(&mut tx, NOW).await?;
    buyer_data::needed(&mut tx, &invoice).await?;
    event_data::remove_of_invoice(&mut tx, &invoice, NOW).await?;
    buyer_data::remove(&mut tx, &invoice, NOW).await?;
    buyer_data::remove_plain_responses(&mut tx, &invoice).await?;
    for invoice in [None, Some(&invoice)] {
        let scope = Scope {
            project: &project,
            invoice,
        };
        test_clock::move_back(&mut tx, scope, 1, NOW).await?;
    }
    tx.commit().await?;
    store.empty_log().await?;
    Ok(())
}
