//! The two writes of most payments: of the payment before the payment system is called, and of what it then reports. On
//! PostgreSQL each is one statement, and takes one round trip instead of one for each table and two for the
//! transaction.

use super::row::PaymentRow;
use super::save::{self, Inserted, another_is_live, insert};
use crate::domain::attempts::DECLINE_POINTS;
use crate::store::column::to_json;
use crate::store::effects::Effects;
use crate::store::engine::Engine;
use crate::store::events::{self, NewEvent, claim_new};
use crate::store::invoices::{self, InvoiceRow, save_unchanged};
use crate::store::payment_attempts::Counting;
use crate::store::{Result, Store};
use sqlx::AssertSqlSafe;
use till_shared::id::PaymentId;

/// The result of [`Store::create_payment`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// The payment was created.
    New,
    /// The invoice has another live payment.
    AnotherIsLive,
    /// The invoice has changed since it was read.
    Changed,
}

impl From<Inserted> for Created {
    fn from(inserted: Inserted) -> Self {
        match inserted {
            Inserted::New => Self::New,
            Inserted::AnotherIsLive => Self::AnotherIsLive,
        }
    }
}

/// What a report of a payment system changes.
pub struct Reported<'a> {
    /// The invoice with its changes.
    pub invoice: &'a InvoiceRow,
    /// The payment with its changes.
    pub payment: &'a PaymentRow,
    /// The payment system's id of the payment, if it was not known.
    pub new_reference: Option<&'a str>,
    /// The attempt to pay that counts otherwise from now on.
    pub attempt: Option<(&'a PaymentId, Counting)>,
    /// The callbacks that report it.
    pub events: &'a [NewEvent],
}

impl Store {
    /// Creates a payment and saves the changes of its invoice, which are not saved yet, unless the invoice has changed
    /// since it was read or has another live payment. The invoice has its next version then.
    pub async fn create_payment(
        &self,
        invoice: &mut InvoiceRow,
        payment: &PaymentRow,
    ) -> Result<Created> {
        if self.engine == Engine::Sqlite {
            let mut tx = self.begin().await?;
            if !save_unchanged(&mut tx, invoice).await? {
                return Ok(Created::Changed);
            }
            let inserted = insert(&mut tx, payment).await?;
            if inserted == Inserted::New {
                tx.commit().await?;
            }
            return Ok(inserted.into());
        }
        let known = invoice.version;
        invoice.version += 1;
        let update = self
            .engine
            .update("invoices", &invoices::CHANGED, "$1", "$2");
        let is_saved = "exists (select 1 from saved)";
        let insert = self.engine.insert("payments", &save::NEW, "$4", is_saved);
        let unchanged = invoices::UNCHANGED;
        let sql = format!("with saved as ({update} and {unchanged} returning 1) {insert}");
        let done = sqlx::query(AssertSqlSafe(sql))
            .bind(to_json(&[invoices::changed(invoice)?])?)
            .bind(invoice.id.as_str())
            .bind(known)
            .bind(to_json(&[save::new(payment)?])?)
            .execute(self.writer())
            .await;
        match done {
            Ok(done) if done.rows_affected() == 1 => {
                let mut effects = Effects::default();
                effects.changed(&invoice.id);
                self.happen(effects);
                Ok(Created::New)
            }
            Ok(_) => Ok(Created::Changed),
            Err(error) => Ok(another_is_live(error)?.into()),
        }
    }

    /// Whether this database has [`save_report`](Self::save_report): SQLite has no statements that write several tables.
    pub fn saves_reports(&self) -> bool {
        self.engine == Engine::Postgres
    }

    /// Saves what a report changes, if the invoice has not changed since it was read, and neither has another payment
    /// nor is there another invoice of its order. Returns whether that is so.
    pub async fn save_report(&self, report: Reported<'_>) -> Result<bool> {
        let Reported {
            invoice,
            payment,
            new_reference,
            attempt,
            events,
        } = report;
        let mut effects = Effects::default();
        effects.changed(&invoice.id);
        let events = claim_new(&mut effects, self.due(), events);
        let next = InvoiceRow {
            version: invoice.version + 1,
            ..invoice.clone()
        };
        let of = |wanted| {
            attempt.and_then(|(payment, counting)| (counting == wanted).then_some(payment.as_str()))
        };
        let saved: i64 = sqlx::query_scalar(AssertSqlSafe(save_report(self.engine)))
            .bind(to_json(&[invoices::changed(&next)?])?)
            .bind(invoice.id.as_str())
            .bind(invoice.version)
            .bind(to_json(&[save::changed(payment)?])?)
            .bind(payment.id.as_str())
            .bind(to_json(&events)?)
            .bind(invoice.project.as_str())
            .bind(&invoice.order_id)
            .bind(&payment.connector)
            .bind(new_reference)
            .bind(of(Counting::TakenBack))
            .bind(of(Counting::Declined))
            .bind(DECLINE_POINTS)
            .bind(payment.updated_at)
            .fetch_one(self.writer())
            .await?;
        if saved == 1 {
            self.happen(effects);
        }
        Ok(saved == 1)
    }
}

/// The statement of [`Store::save_report`]. It locks the invoice first, as every change of an invoice does. A server of
/// before the table `payment_references` has written to `payments` only.
fn save_report(engine: Engine) -> String {
    let is_saved = "exists (select 1 from saved)";
    let unchanged = invoices::UNCHANGED;
    let lock = engine.for_update();
    let invoice = engine.update("invoices", &invoices::CHANGED, "$1", "$2");
    let payment = engine.update("payments", &save::CHANGED, "$4", "$5");
    let events = engine.insert("events", &events::NEW, "$6", is_saved);
    format!(
        "with locked as (
             select 1 from invoices where id = $2 and {unchanged}
             and not exists (select 1 from invoices other
                 where other.project = $7 and other.former_order_id = $8)
             and not exists (select 1 from payments other
                 where other.invoice = $2 and other.id <> $5){lock}),
         claimed as (insert into payment_references (connector, reference, payment)
             select $9, $10, $5 where $10 is not null and exists (select 1 from locked)
             and not exists (select 1 from payments
                 where connector = $9 and reference = $10 and id <> $5)
             on conflict (connector, reference) do nothing returning 1),
         saved as ({invoice} and exists (select 1 from locked)
             and ($10 is null or exists (select 1 from claimed)) returning 1),
         paid as ({payment} and {is_saved}),
         taken_back as (delete from payment_attempts where payment = $11 and {is_saved}),
         declined as (update payment_attempts set points = $13, at = $14
             where payment = $12 and {is_saved}),
         told as ({events})
         select count(*) from saved"
    )
}
