//! The lists that are read. Values named `RARE` select ten rows, which are the oldest of the project; the
//! other values select a fifth of the rows or more.

use crate::data::{Data, Project};

/// A list with filters.
pub struct Query {
    /// The list and the filters.
    pub name: &'static str,
}

const fn query(name: &'static str) -> Query {
    Query { name }
}

/// All lists.
pub const ALL: &[Query] = &[
    query("invoices?"),
    query("invoices?cursor=MIDDLE"),
    query("invoices?order_id=ORDER"),
    query("invoices?status=canceled"),
    query("invoices?status=paid"),
    query("invoices?email=rare@buyer.example"),
    query("invoices?email=common@buyer.example"),
    query("invoices?last4=0341"),
    query("invoices?last4=4242"),
    query("invoices?decline=expired_card"),
    query("invoices?decline=insufficient_funds"),
    query("invoices?created_before=FIRST"),
    query("invoices?created_after=LAST"),
    query("invoices?created_after=MIDDLE_TIME&status=paid"),
    query("invoices?created_before=FIRST&status=canceled&last4=0341"),
    query("invoices?created_before=2020-01-01"),
    query("payments?"),
    query("payments?cursor=MIDDLE"),
    query("payments?invoice=INVOICE"),
    query("payments?order_id=ORDER"),
    query("payments?status=canceled"),
    query("payments?status=succeeded"),
    query("payments?connector=mollie"),
    query("payments?connector=sandbox"),
    query("payments?decline=expired_card"),
    query("payments?decline=insufficient_funds"),
    query("payments?last4=0341"),
    query("payments?last4=4242"),
    query("payments?email=rare@buyer.example"),
    query("payments?email=common@buyer.example"),
    query("payments?created_before=FIRST"),
    query("payments?created_after=LAST"),
    query("refunds?"),
    query("refunds?payment=PAYMENT"),
    query("refunds?invoice=INVOICE"),
    query("refunds?order_id=ORDER"),
    query("refunds?status=failed"),
    query("refunds?status=succeeded"),
    query("refunds?last4=0341"),
    query("refunds?last4=4242"),
    query("refunds?email=rare@buyer.example"),
    query("refunds?email=common@buyer.example"),
    query("refunds?created_before=FIRST"),
    query("disputes?"),
    query("disputes?payment=PAYMENT"),
    query("disputes?order_id=ORDER"),
    query("disputes?status=lost"),
    query("disputes?last4=0341"),
    query("disputes?last4=4242"),
    query("disputes?email=rare@buyer.example"),
    query("events?"),
    query("events?cursor=MIDDLE"),
    query("events?after=MIDDLE"),
    query("events?type=payment.declined"),
    query("events?type=invoice.paid"),
    query("events?state=failed"),
    query("events?state=delivered"),
    query("events?invoice=INVOICE"),
    query("events?order_id=ORDER"),
    query("events?email=rare@buyer.example"),
    query("events?email=common@buyer.example"),
    query("events?created_before=FIRST"),
    query("events?state=failed&type=payment.declined&after=FIRST"),
];

impl Query {
    /// The path for a project.
    pub fn path(&self, data: &Data, project: &Project, page: usize) -> String {
        let prefix = match self.name.split('?').next() {
            Some("payments") => "pay_",
            Some("events") => "evt_",
            _ => "inv_",
        };
        let middle = project.invoices / 2;
        let query = self
            .name
            .replace("MIDDLE_TIME", &data.time(project, middle))
            .replace("MIDDLE", &data.id(prefix, project, middle))
            .replace("ORDER", &data.order(project, 4))
            .replace("INVOICE", &data.id("inv_", project, 4))
            .replace("PAYMENT", &data.id("pay_", project, 4))
            .replace("FIRST", &data.time(project, 10))
            .replace("LAST", &data.time(project, project.invoices - 11));
        format!("/v1/{query}&limit={page}")
    }
}
