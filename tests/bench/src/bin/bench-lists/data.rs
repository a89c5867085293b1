//! Databases of a size, filled with statements that make the rows from a series of numbers.

use anyhow::Result;
use sqlx::{AnyPool, AssertSqlSafe};
use till_tests::TestApp;
use till_tests::database::on_postgres;
use till_tests::providers::now;

/// The number of projects.
const PROJECTS: i64 = 1000;
/// How many days the invoices are spread over: fewer than data are kept.
const DAYS: i64 = 20;
/// How many invoices of a project have the rare values. They are its oldest ones.
const RARE: i64 = 10;

/// A database's number of invoices, and its two measured projects.
pub struct Size {
    invoices: i64,
    /// A quarter of the invoices is the first one's, a hundredth the second one's.
    projects: [String; 2],
}

impl Size {
    /// A number of invoices, and the ids of the large project and of the small one.
    pub fn new(invoices: i64, projects: [&String; 2]) -> Self {
        Self {
            invoices,
            projects: projects.map(ToOwned::to_owned),
        }
    }
}

/// A measured project.
pub struct Project {
    /// Its number of invoices.
    pub invoices: i64,
    /// The number of its first invoice.
    first: i64,
    /// The distance to the number of the next.
    step: i64,
}

/// The rows of a database.
pub struct Data {
    size: Size,
    /// The time of the first invoice (milliseconds).
    start: i64,
    /// The time between two invoices (milliseconds).
    step: i64,
}

impl Data {
    /// Fills a database, without the indexes of lists.
    pub async fn fill(app: &TestApp, size: Size) -> Result<Self> {
        let span = DAYS * 86_400_000;
        let data = Self {
            start: now() * 1000 - span,
            step: span / size.invoices,
            size,
        };
        let store = app.store().await?;
        for index in indexes_of_lists(&store).await? {
            sqlx::query(AssertSqlSafe(format!("drop index {index}")))
                .execute(&store)
                .await?;
        }
        for statement in data.statements() {
            sqlx::query(AssertSqlSafe(statement))
                .execute(&store)
                .await?;
        }
        Ok(data)
    }

    /// Has PostgreSQL count the values, as it does by itself after a while.
    pub async fn analyze(&self, app: &TestApp) -> Result<()> {
        if on_postgres() {
            sqlx::query("vacuum analyze")
                .execute(&app.store().await?)
                .await?;
        }
        Ok(())
    }

    /// The large project and the small one.
    pub fn projects(&self) -> [Project; 2] {
        [(0, 4), (1, 100)].map(|(first, step)| Project {
            invoices: self.size.invoices / step,
            first,
            step,
        })
    }

    /// The time of a project's n-th invoice.
    pub fn time(&self, project: &Project, n: i64) -> String {
        let time = self.start + project.number(n) * self.step;
        jiff::Timestamp::from_millisecond(time).map_or_else(|_| String::new(), |t| t.to_string())
    }

    /// The id of what a project's n-th invoice has.
    pub fn id(&self, prefix: &str, project: &Project, n: i64) -> String {
        let number = project.number(n);
        let time = self.start + number * self.step;
        format!("{prefix}{time:012x}70000000{number:012x}")
    }

    /// The order of a project's n-th invoice.
    pub fn order(&self, project: &Project, n: i64) -> String {
        format!("order-{}", project.number(n))
    }

    fn statements(&self) -> Vec<String> {
        let Self { size, start, step } = self;
        let [large, small] = &size.projects;
        let last = size.invoices - 1;
        let series = |last: i64| {
            if on_postgres() {
                format!("(select g from generate_series(cast(0 as bigint), {last}) g) series")
            } else {
                format!(
                    "(with recursive n(g) as (select 0 union all select g + 1 from n where g < {last})
                      select g from n) series"
                )
            }
        };
        let hex = |number: &str| {
            if on_postgres() {
                format!("lpad(to_hex({number}), 12, '0')")
            } else {
                format!("printf('%012x', {number})")
            }
        };
        // g is the number of an invoice, i its number in its project.
        let rows = format!(
            "(select g, i, project, t, u,
                 case when project in ('{large}', '{small}') and i < {RARE} then 1 else 0 end as rare
              from (select g, {start} + g * {step} as t,
                  {} || '70000000' || {} as u,
                  case when g % 4 = 0 then g / 4 when g % 100 = 1 then g / 100 else g / {PROJECTS} end as i,
                  case when g % 4 = 0 then '{large}' when g % 100 = 1 then '{small}'
                      else 'prj_bench' || cast(g % ({PROJECTS} - 2) as text) end as project
                  from {}) numbered) rows",
            hex(&format!("({start} + g * {step})")),
            hex("g"),
            series(last),
        );
        let kept =
            "case when rare = 1 then 'canceled' when i % 5 = 3 then 'expired' else 'paid' end";
        let email = "case when rare = 1 then 'Rare@buyer.example'
             when i % 5 = 4 then 'common@buyer.example'
             else 'b' || cast(g as text) || '@buyer.example' end";
        let last4 = "case when rare = 1 then '0341' when i % 2 = 1 then '4242'
             else substr(cast(10000 + i % 10000 as text), 2) end";
        vec![
            format!(
                "insert into projects (id, pk, signing_secrets, settings, created_at)
                 select 'prj_bench' || cast(g as text), 'pk_bench' || cast(g as text),
                 signing_secrets, settings, created_at
                 from {}, projects where projects.id = '{large}'",
                series(PROJECTS - 3)
            ),
            format!(
                "insert into invoices (id, project, order_id, order_hash, amount, currency, items, buyer,
                 metadata, status, event_seq, created_at, expires_at, paid_at, ended_at)
                 select 'inv_' || u, project, 'order-' || cast(g as text), 'hash', 1999, 'EUR', '[]',
                 '{{\"email\":\"' || {email} || '\"}}', '{{}}', {kept}, 1, t, t + 3600000,
                 case when i % 5 = 3 then null else t end, t from {rows}"
            ),
            format!(
                "insert into payments (id, invoice, project, method, connector, account, amount,
                 currency, status, decline_code, card, verification, created_at, updated_at)
                 select 'pay_' || u, 'inv_' || u, project, 'card',
                 case when rare = 1 then 'mollie' else 'sandbox' end, 'a', 1999, 'EUR',
                 case when rare = 1 then 'canceled' when i % 5 = 3 then 'declined'
                     else 'succeeded' end,
                 case when rare = 1 then 'expired_card' when i % 5 = 3 then 'insufficient_funds' end,
                 '{{\"brand\":\"visa\",\"last4\":\"' || {last4}
                     || '\",\"exp_month\":12,\"exp_year\":2030}}',
                 '{{\"kind\":\"none\"}}', t, t from {rows}"
            ),
            format!(
                "insert into refunds (id, payment, project, amount, status, source, created_at,
                 updated_at)
                 select 'rfd_' || u, 'pay_' || u, project, 100,
                 case when rare = 1 then 'failed' else 'succeeded' end, 'project', t, t
                 from {rows} where rare = 1 or i % 5 = 1 or i % 5 = 4"
            ),
            format!(
                "insert into disputes (id, payment, project, reference, amount, currency, status,
                 created_at, updated_at)
                 select 'dsp_' || u, 'pay_' || u, project, 'reference', 100, 'EUR',
                 case when rare = 1 then 'lost' else 'won' end, t, t
                 from {rows} where rare = 1 or i % 5 = 1"
            ),
            format!(
                "insert into events (id, project, invoice, sequence, type, body, about, state, attempts,
                 created_at, delivered_at)
                 select 'evt_' || u, project, 'inv_' || u, 1, type,
                 '{{\"id\":\"evt_' || u || '\",\"type\":\"' || type
                     || '\",\"sequence\":1,\"created_at\":\"2026-01-01T00:00:00Z\",\"project\":\"'
                     || project || '\",\"data\":{{}}}}',
                 u, case when rare = 1 then 'failed' else 'delivered' end, 1, t,
                 case when rare = 1 then null else t end
                 from (select rows.*, case when rare = 1 then 'payment.declined'
                     when i % 5 = 3 then 'invoice.expired' else 'invoice.paid' end as type
                     from {rows}) typed"
            ),
            format!(
                "insert into event_attempts (event, number, at, duration_ms, status)
                 select 'evt_' || u, 1, t, 20, 204 from {rows}"
            ),
        ]
    }
}

impl Project {
    /// The number of the n-th invoice in the database.
    fn number(&self, n: i64) -> i64 {
        self.first + n * self.step
    }
}

/// The names of the indexes that no migration makes: the ones that end in the order of a list, or that
/// have the rows with moved times.
async fn indexes_of_lists(store: &AnyPool) -> Result<Vec<String>> {
    let names = if on_postgres() {
        "select cast(indexname as text) from pg_indexes where schemaname = 'public'"
    } else {
        "select name from sqlite_schema where type = 'index' and sql is not null"
    };
    let names: Vec<String> = sqlx::query_scalar(names).fetch_all(store).await?;
    let ends = [
        "_status",
        "_email",
        "_connector",
        "_decline",
        "_decline_invoice",
        "_last4",
        "_last4_invoice",
        "_state",
        "_type",
        "_moved",
    ];
    let of_lists = |name: &String| {
        ends.iter().any(|end| name.ends_with(end))
            || ["invoices_project", "events_project"].contains(&name.as_str())
    };
    Ok(names.into_iter().filter(of_lists).collect())
}
