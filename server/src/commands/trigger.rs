//! `till trigger`: makes a callback happen in a test project, with an order of its own and the sandbox's
//! test cards.

use super::common::{Common, OfProject, actor, cli_error, one_of, print_json};
use anyhow::{Context, bail, ensure};
use backon::{ConstantBuilder, Retryable};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use till_server::app::App;
use till_server::clock;
use till_server::flow::check_order::{WaitingFor, check_order};
use till_server::flow::events::{self, EventFilter};
use till_server::flow::invoices::{
    InvoiceRow, Order, Origin, cancel_invoice, confirm_order, create_invoice, expire_invoice, find,
};
use till_server::flow::page::Limit;
use till_server::flow::payments::{ClientInfo, PaymentForm, fix_payment, reconcile::poll_status};
use till_server::flow::projects::Project;
use till_server::flow::refunds::{RefundRequest, refund_payment};
use till_server::flow::test_clock::advance_invoice;
use till_server::flow::{Detached, Error};
use till_server::new_id;
use till_server::sandbox::cards;
use till_shared::buyer::Buyer;
use till_shared::event::{EventType, SentEvent};
use till_shared::id::{InvoiceId, PaymentId, RefundId};
use till_shared::money::Currency;
use till_shared::payment::{Method, Payment};
use till_shared::widget::{CardData, FixPayment};

/// The amount of the order, in minor units.
const AMOUNT: i64 = 1999;
/// How long the callback may take to be created. The sandbox takes seconds.
const PATIENCE: ConstantBuilder = ConstantBuilder::new()
    .with_delay(Duration::from_millis(200))
    .with_max_times(150);

/// Arguments of `till trigger`.
#[derive(clap::Args)]
pub struct Args {
    /// The type of the callback, such as invoice.paid
    #[arg(value_parser = one_of::<EventType>())]
    event: EventType,

    #[command(flatten)]
    project: OfProject,

    #[command(flatten)]
    common: Common,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let app = App::open(args.common.config).await?;
    let project = args.project.find(&app).await?;
    ensure!(
        project.settings.test,
        "{} is not a test project: no callback can be triggered",
        project.id
    );
    let kind = args.event;
    if kind != EventType::Ping && kind != EventType::OrderCheck && !project.settings.wants(kind) {
        bail!("the project does not receive {kind}: add it to its notify_events");
    }
    let work = Trigger {
        app: app.clone(),
        project,
        kind,
    };
    let done = Detached::spawn(
        &app.tasks,
        |detached| async move { work.run(&detached).await },
    );
    let event = done.await.context("the command was interrupted")??;
    match event {
        Some(event) if args.common.json => print_json(&event),
        None if args.common.json => print_json(&json!({ "type": kind })),
        Some(event) => {
            println!("{kind} {}", event.event.id);
            Ok(())
        }
        None => {
            println!("{kind} was sent");
            Ok(())
        }
    }
}

struct Trigger {
    app: Arc<App>,
    project: Project,
    kind: EventType,
}

impl Trigger {
    /// Makes the callback happen and returns it; an order check is no stored event.
    async fn run(&self, detached: &Detached) -> anyhow::Result<Option<SentEvent>> {
        if self.kind == EventType::Ping {
            let sent = events::ping(&self.app, &self.project).await;
            return Ok(Some(sent.map_err(cli_error)?));
        }
        let invoice = self.create(detached).await?;
        if self.kind == EventType::OrderCheck {
            ensure!(
                self.project.settings.check_url.is_some(),
                "the project has no check_url to send to"
            );
            let checked = check_order(&self.app, &self.project, &invoice, WaitingFor::Buyer).await;
            checked.map_err(cli_error)?;
            return Ok(None);
        }
        self.cause(detached, &invoice.id).await?;
        self.until_created(&invoice.id).await.map(Some)
    }

    /// What makes the callback happen.
    async fn cause(&self, detached: &Detached, invoice: &InvoiceId) -> anyhow::Result<()> {
        let pay = async |number: &str| self.pay(detached, invoice, number).await;
        match self.kind {
            EventType::InvoicePaid | EventType::PaymentSucceeded => {
                pay(cards::APPROVED).await?;
            }
            EventType::PaymentDeclined => {
                pay(cards::INSUFFICIENT_FUNDS).await?;
            }
            EventType::PaymentFailed => {
                let payment = pay(cards::UNAVAILABLE).await?;
                self.time_passes(invoice, self.app.config.lost_after_ms / 1000 + 1)
                    .await?;
                let row = self.app.store.payment(&payment.shown.id).await?;
                let row = row.context("the payment is gone")?;
                poll_status(&self.app, &row).await.map_err(cli_error)?;
            }
            EventType::PaymentDuplicateRefunded => {
                pay(cards::SUCCEEDS_LATE).await?;
                pay(cards::APPROVED).await?;
            }
            EventType::PaymentReversed => {
                pay(cards::REVERSED).await?;
            }
            EventType::InvoiceExpired => {
                let ttl = self.project.settings.invoice_ttl_seconds;
                self.time_passes(invoice, u64::from(ttl) + 1).await?;
                let ended = expire_invoice(&self.app, invoice).await;
                ended.map_err(cli_error)?;
            }
            EventType::InvoiceCanceled => {
                let canceled = cancel_invoice(&self.app, &self.project, invoice).await;
                canceled.map_err(cli_error)?;
            }
            EventType::RefundSucceeded => {
                let payment = pay(cards::APPROVED).await?;
                self.refund(detached, &payment).await?;
            }
            EventType::RefundFailed => {
                let payment = pay(cards::REFUND_FAILS).await?;
                self.refund(detached, &payment).await?;
            }
            EventType::DisputeOpened | EventType::DisputeUpdated | EventType::DisputeClosed => {
                pay(cards::DISPUTE_WON).await?;
            }
            EventType::Ping | EventType::OrderCheck => {}
        }
        Ok(())
    }

    /// Creates an invoice that needs no order check: the shop does not know its order.
    async fn create(&self, detached: &Detached) -> anyhow::Result<InvoiceRow> {
        let id = InvoiceId::from_unique(new_id::unique());
        let order = Order {
            order_id: format!("trigger-{}", new_id::unique()),
            amount: AMOUNT,
            currency: self.currency().await?.code().to_owned(),
            description: Some(format!("A test of {}", self.kind)),
            items: vec![],
            buyer: Buyer {
                email: Some("buyer@example.com".into()),
                name: Some("Test Buyer".into()),
                phone: Some("+15005550006".into()),
                country: Some("US".into()),
            },
            locale: None,
            success_url: None,
            failure_url: None,
            method: None,
            expires_in_seconds: None,
            metadata: [("trigger".to_owned(), self.kind.to_string())].into(),
        };
        let (app, project) = (&self.app, &self.project);
        let created = create_invoice(detached, app, project, id, order, Origin::Server).await;
        let id = created.map_err(cli_error)?.invoice.id;
        let confirmed = confirm_order(app, &id).await;
        confirmed.map_err(cli_error)?.context("the invoice is gone")
    }

    /// A currency that the project's sandbox account takes.
    async fn currency(&self) -> anyhow::Result<Currency> {
        let accounts = self.app.store.accounts(&self.project.id).await?;
        let preferred = accounts.first();
        let sandbox = preferred.filter(|account| account.kind == "sandbox");
        let sandbox = sandbox.context(
            "the project's first account is not at the sandbox, whose test cards make callbacks \
             happen",
        )?;
        let code = sandbox.currencies.first().map_or("EUR", String::as_str);
        code.parse().context("the account's currency")
    }

    async fn pay(
        &self,
        detached: &Detached,
        invoice: &InvoiceId,
        number: &str,
    ) -> anyhow::Result<Payment> {
        let (_, year) = clock::month_and_year();
        let fix = FixPayment {
            method: Method::Card,
            buyer: Buyer::default(),
            card: Some(CardData {
                number: number.into(),
                exp_month: 12,
                exp_year: year + 3,
                cvc: "123".into(),
                holder: None,
            }),
            browser: None,
            captcha_token: None,
        };
        let found = find(&self.app, invoice).await.map_err(cli_error)?;
        let (_, row) = found.context("the invoice is gone")?;
        let id = PaymentId::from_unique(new_id::unique());
        let client = ClientInfo::default();
        let form = PaymentForm::Widget(&client);
        let (app, project) = (&self.app, &self.project);
        let fixed = fix_payment(detached, app, project, row, id, fix, form).await;
        Ok(fixed.map_err(cli_error)?.payment)
    }

    async fn refund(&self, detached: &Detached, payment: &Payment) -> anyhow::Result<()> {
        let request = RefundRequest {
            amount: None,
            reason: Some("a test".into()),
        };
        let id = RefundId::from_unique(new_id::unique());
        let (app, project, payment) = (&self.app, &self.project, &payment.shown.id);
        let refunded = refund_payment(detached, app, &actor(), project, payment, id, request).await;
        refunded.map_err(cli_error)?;
        Ok(())
    }

    async fn time_passes(&self, invoice: &InvoiceId, seconds: u64) -> anyhow::Result<()> {
        let seconds = i64::try_from(seconds)?;
        let moved = advance_invoice(&self.app, &self.project, invoice, seconds).await;
        moved.map_err(cli_error)
    }

    /// Waits until the callback is created.
    async fn until_created(&self, invoice: &InvoiceId) -> anyhow::Result<SentEvent> {
        let look = || async {
            let filter = EventFilter {
                kind: Some(self.kind),
                invoice: Some(invoice.clone()),
                ..EventFilter::default()
            };
            let page = events::list(&self.app, &self.project, filter, Limit::new(None)?).await?;
            let found = page.data.into_iter().next();
            found.ok_or_else(|| Error::not_found("event"))
        };
        look.retry(PATIENCE).await.map_err(|_| {
            anyhow::anyhow!(
                "{} did not happen within 30 seconds. A server must run at {}, and the sandbox must \
                 reach it",
                self.kind,
                self.app.base_url
            )
        })
    }
}
