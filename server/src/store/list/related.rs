//! Filters on other tables.

use super::{InvoiceLink, Lead, List, Value};
use crate::store::conditions::{of_order, unindexed};
use crate::store::{Result, Store};
use sqlx::AssertSqlSafe;

/// The most rows of another table that are collected.
const FEW: i64 = 1000;

impl List {
    /// Selects the rows of an invoice.
    pub fn of_invoice(&mut self, id: Option<&str>) {
        let Some(id) = id else { return };
        let id = self.text(id);
        let narrowed = format!("{} = {id}", self.invoice_of_row());
        self.add(Lead::Set(self.in_invoices(&id)), narrowed);
    }

    /// Selects the rows of an order.
    pub fn of_order(&mut self, order_id: Option<&String>) {
        let (Some(order), Some(project)) = (order_id, self.project.clone()) else {
            return;
        };
        let order = self.text(order);
        let invoices = of_order(&project, &order);
        let narrowed = self.invoice_matches(&format!(
            "(i.order_id = {order} or i.former_order_id = {order})"
        ));
        self.add(Lead::Set(self.in_invoices(&invoices)), narrowed);
    }

    /// Selects the rows of the buyer with this email address, in any case.
    pub async fn of_buyer(&mut self, store: &Store, email: Option<&String>) -> Result<()> {
        let (Some(email), Some(project)) = (email, self.project.clone()) else {
            return Ok(());
        };
        let email = self.text(email.to_lowercase());
        if self.table.invoice == InvoiceLink::Id {
            let column = self.engine.email("invoices.buyer");
            let narrowed = format!("{} = {email}", unindexed(&column));
            self.add(Lead::Ranges(vec![format!("{column} = {email}")]), narrowed);
            return Ok(());
        }
        let column = self.engine.email("i.buyer");
        let from = |value: &str| {
            format!("from invoices i where i.project = {project} and {column} = {value}")
        };
        let narrowed = self.invoice_matches(&format!("{} = {email}", unindexed(&column)));
        let set = self.in_invoices(&format!("select i.id {}", from(&email)));
        self.add_if_few(store, from, set, narrowed).await
    }

    /// Selects the rows with a payment by a card that ends in these four digits.
    pub async fn of_card(&mut self, store: &Store, last4: Option<&String>) -> Result<()> {
        let Some(last4) = last4 else { return Ok(()) };
        let card = self.engine.last4("p.card");
        self.of_payment(store, &card, last4).await
    }

    /// Selects the rows with a payment that was declined for this reason.
    pub async fn of_decline(&mut self, store: &Store, code: Option<&str>) -> Result<()> {
        let Some(code) = code else { return Ok(()) };
        self.of_payment(store, "p.decline_code", code).await
    }

    /// Selects the rows with a payment, of `payments p`, in which an indexed expression has a value.
    async fn of_payment(&mut self, store: &Store, expression: &str, value: &str) -> Result<()> {
        let value = self.text(value);
        let condition = format!("{expression} = {value}");
        let narrowed = format!("{} = {value}", unindexed(expression));
        let project = self.project.clone().unwrap_or_default();
        let payments = |link: &str| {
            format!("(select 1 from payments p where {link} and {narrowed} limit 1) = 1")
        };
        match self.table.invoice {
            InvoiceLink::Id => {
                let narrowed = payments("p.invoice = invoices.id");
                self.add(Lead::Payments(condition), narrowed);
                Ok(())
            }
            InvoiceLink::Payment => {
                let column = self.column("payment");
                let from = |value: &str| {
                    format!(
                        "from payments p where p.project = {project} and {expression} = {value}"
                    )
                };
                let set = format!("{column} in (select p.id {})", from(&value));
                let narrowed = payments(&format!("p.id = {column}"));
                self.add_if_few(store, from, set, narrowed).await
            }
            InvoiceLink::Invoice | InvoiceLink::None => {
                // The list of payments itself.
                let own = |text: &str| text.replace("p.", "payments.");
                self.add(Lead::Ranges(vec![own(&condition)]), own(&narrowed));
                Ok(())
            }
        }
    }

    /// Adds a filter on another table, of which it selects the rows `from`, given the placeholder of the
    /// filter's value, which was added last. They lead if they are few. Otherwise so many rows of the list
    /// match that reading on in it soon finds a page.
    async fn add_if_few(
        &mut self,
        store: &Store,
        from: impl Fn(&str) -> String,
        set: String,
        condition: String,
    ) -> Result<()> {
        if self.lead.is_none() {
            let from = from("$2");
            let sql = format!(
                "select count(*) from (select 1 {from} limit {}) found",
                FEW + 1
            );
            let project_and_value = self.values.first().into_iter().chain(self.values.last());
            let query = sqlx::query_scalar(AssertSqlSafe(sql));
            let query = project_and_value.fold(query, |query, value| match value {
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
            });
            let count: i64 = query.fetch_one(store.lists()).await?;
            if count <= FEW {
                self.add(Lead::Set(set), condition);
                return Ok(());
            }
        }
        self.narrowing.push(condition);
        Ok(())
    }

    /// The condition for rows of these invoices: a placeholder, or a select.
    fn in_invoices(&self, invoices: &str) -> String {
        match self.table.invoice {
            InvoiceLink::Id => format!("invoices.id in ({invoices})"),
            InvoiceLink::Payment => format!(
                "{} in (select p.id from payments p where p.invoice in ({invoices}))",
                self.column("payment")
            ),
            InvoiceLink::Invoice | InvoiceLink::None => {
                format!("{} in ({invoices})", self.column("invoice"))
            }
        }
    }

    /// The expression for the id of a row's invoice.
    fn invoice_of_row(&self) -> String {
        match self.table.invoice {
            InvoiceLink::Id => "invoices.id".into(),
            InvoiceLink::Payment => {
                let payment = self.column("payment");
                format!("(select p.invoice from payments p where p.id = {payment})")
            }
            InvoiceLink::Invoice | InvoiceLink::None => unindexed(&self.column("invoice")),
        }
    }

    /// The condition for rows whose invoice `i` fulfills a condition. With `exists`, PostgreSQL may read all
    /// such invoices first.
    fn invoice_matches(&self, condition: &str) -> String {
        let invoice = self.invoice_of_row();
        format!("(select 1 from invoices i where i.id = {invoice} and {condition} limit 1) = 1")
    }
}
