//! The model of an invoice and its payments: the steps and the expected states.

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;
use till_tests::cards::{ANSWER_LOST, APPROVED, INSUFFICIENT_FUNDS, SERVER_ERROR, VERIFIED};

/// The invoice's amount in minor units.
pub const AMOUNT: i64 = 1000;

/// The behavior of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Card {
    /// The payment succeeds.
    Approved,
    /// The payment is declined.
    Declined,
    /// The payment requires verification.
    Verified,
    /// The payment succeeds and the response is lost.
    ResponseLost,
    /// The payment succeeds and the response is HTTP 500.
    ServerError,
}

impl Card {
    /// Returns the sandbox's test card.
    pub fn number(self) -> &'static str {
        match self {
            Self::Approved => APPROVED,
            Self::Declined => INSUFFICIENT_FUNDS,
            Self::Verified => VERIFIED,
            Self::ResponseLost => ANSWER_LOST,
            Self::ServerError => SERVER_ERROR,
        }
    }
}

/// How the server learns the result of the verification. The reconciler always runs.
#[derive(Debug, Clone, Copy)]
pub enum Notifier {
    /// Only the reconciler.
    None,
    /// A webhook of the provider.
    Webhook,
    /// The buyer's return.
    Return,
}

/// A step of a test case.
#[derive(Debug, Clone)]
pub enum Step {
    /// The buyer pays.
    Pay(Card),
    /// The last payment request is repeated with its key.
    ReplayPayment,
    /// The buyer confirms the verification.
    Confirm(Notifier),
    /// The buyer cancels the verification at the bank.
    Reject(Notifier),
    /// The buyer cancels the verification in the widget.
    CancelPayment,
    /// A webhook is sent again.
    Webhook(prop::sample::Index),
    /// The buyer opens a return URL again.
    Return(prop::sample::Index),
    /// A failed payment succeeds late.
    LateSuccess,
    /// The project refunds an amount.
    Refund(i64),
    /// The last refund request is repeated with its key.
    ReplayRefund,
    /// An amount is refunded in the payment system's dashboard.
    DashboardRefund(i64),
    /// The money of the last refund comes back.
    RefundComesBack,
    /// A dispute of the payment has this status of [`DISPUTE`].
    Dispute(usize),
    /// The payment system takes back what is left of the payment.
    Reverse,
    /// The project cancels the invoice.
    CancelInvoice,
    /// The invoice expires.
    Expire,
    /// The server is killed and restarted.
    Crash,
}

/// The statuses of a dispute. A later one replaces an earlier one.
pub const DISPUTE: [&str; 3] = ["needs_response", "won", "lost"];

/// The state of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentState {
    /// The payment requires verification.
    Pending,
    /// The payment succeeded.
    Paid,
    /// The payment was declined or canceled.
    Failed,
}

/// A payment.
#[derive(Debug, Clone)]
pub struct ModelPayment {
    /// The payment's state.
    pub state: PaymentState,
    /// The amounts of the refunds that were not sent back, in minor units, oldest first.
    pub refunds: Vec<i64>,
    /// The amount that was taken back, in minor units.
    pub reversed: i64,
    /// The status of the dispute, in [`DISPUTE`].
    pub dispute: Option<usize>,
    /// Whether the invoice was already paid when the payment succeeded.
    pub duplicate: bool,
}

/// The state of the model.
#[derive(Debug, Clone)]
pub struct ModelState {
    /// The invoice's status.
    pub status: &'static str,
    /// Whether the invoice has expired.
    pub overdue: bool,
    /// The payments, oldest first.
    pub payments: Vec<ModelPayment>,
}

impl ModelState {
    fn was_paid(&self) -> bool {
        matches!(self.status, "paid" | "partially_refunded" | "refunded")
    }

    /// Finds the first payment in a state.
    pub fn find(&self, state: PaymentState) -> Option<usize> {
        self.payments.iter().position(|p| p.state == state)
    }

    fn add(&mut self, state: PaymentState) -> usize {
        self.payments.push(ModelPayment {
            state,
            refunds: vec![],
            reversed: 0,
            dispute: None,
            duplicate: false,
        });
        self.payments.len() - 1
    }

    fn succeed(&mut self, at: usize) {
        let second = self.was_paid();
        let payment = &mut self.payments[at];
        payment.state = PaymentState::Paid;
        payment.duplicate = second;
        if second {
            payment.refunds = vec![AMOUNT];
            return;
        }
        self.status = "paid";
        // Every other attempt is called off.
        for other in &mut self.payments {
            if other.state == PaymentState::Pending {
                other.state = PaymentState::Failed;
            }
        }
    }

    /// Sets the status after a refund or its return.
    fn set_refunded_status(&mut self) {
        self.status = match self.refunded() {
            0 => "paid",
            AMOUNT => "refunded",
            _ => "partially_refunded",
        };
    }

    fn fail(&mut self, at: usize) {
        self.payments[at].state = PaymentState::Failed;
        if self.status == "processing" {
            self.status = if self.overdue { "expired" } else { "open" };
        }
    }

    /// Finds the payment that paid the invoice.
    pub fn paid_payment(&self) -> Option<usize> {
        let pays = |p: &ModelPayment| p.state == PaymentState::Paid && !p.duplicate;
        self.payments.iter().position(pays)
    }

    /// Returns the amount refunded of that payment.
    pub fn refunded(&self) -> i64 {
        self.paid_payment()
            .map_or(0, |at| self.payments[at].refunds.iter().sum())
    }

    /// Returns the amount that can still be refunded; 0 if the invoice is not paid.
    pub fn rest(&self) -> i64 {
        self.paid_payment().map_or(0, |at| {
            AMOUNT - self.refunded() - self.payments[at].reversed
        })
    }
}

/// The reference state machine.
pub struct Model;

impl ReferenceStateMachine for Model {
    type State = ModelState;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<ModelState> {
        Just(ModelState {
            status: "open",
            overdue: false,
            payments: vec![],
        })
        .boxed()
    }

    fn transitions(state: &ModelState) -> BoxedStrategy<Step> {
        use Card::*;
        let cards = prop::sample::select(vec![
            Approved,
            Declined,
            Declined,
            Verified,
            Verified,
            ResponseLost,
            ServerError,
        ]);
        let notifier =
            || prop::sample::select(vec![Notifier::None, Notifier::Webhook, Notifier::Return]);
        let mut steps = vec![
            (5, cards.prop_map(Step::Pay).boxed()),
            (1, Just(Step::ReplayPayment).boxed()),
            (
                2,
                any::<prop::sample::Index>().prop_map(Step::Webhook).boxed(),
            ),
            (
                1,
                any::<prop::sample::Index>().prop_map(Step::Return).boxed(),
            ),
            (2, (1..=AMOUNT + 200).prop_map(Step::Refund).boxed()),
            (1, Just(Step::ReplayRefund).boxed()),
            (1, (1..=AMOUNT).prop_map(Step::DashboardRefund).boxed()),
            (1, Just(Step::CancelInvoice).boxed()),
            (1, Just(Step::Expire).boxed()),
            (1, Just(Step::Crash).boxed()),
        ];
        if state.find(PaymentState::Pending).is_some() {
            steps.push((4, notifier().prop_map(Step::Confirm).boxed()));
            steps.push((2, notifier().prop_map(Step::Reject).boxed()));
            steps.push((2, Just(Step::CancelPayment).boxed()));
        }
        if state.find(PaymentState::Failed).is_some() {
            steps.push((2, Just(Step::LateSuccess).boxed()));
        }
        if state.paid_payment().is_some() {
            steps.push((2, Just(Step::RefundComesBack).boxed()));
            steps.push((2, (0..DISPUTE.len()).prop_map(Step::Dispute).boxed()));
            steps.push((1, Just(Step::Reverse).boxed()));
        }
        prop::strategy::Union::new_weighted(steps).boxed()
    }

    fn preconditions(state: &ModelState, step: &Step) -> bool {
        match step {
            Step::Confirm(_) | Step::Reject(_) | Step::CancelPayment => {
                state.find(PaymentState::Pending).is_some()
            }
            Step::LateSuccess => state.find(PaymentState::Failed).is_some(),
            Step::RefundComesBack | Step::Dispute(_) | Step::Reverse => {
                state.paid_payment().is_some()
            }
            _ => true,
        }
    }

    fn apply(mut state: ModelState, step: &Step) -> ModelState {
        let waiting = state.find(PaymentState::Pending);
        match step {
            Step::Pay(card) if state.status == "open" => match card {
                Card::Approved | Card::ResponseLost | Card::ServerError => {
                    let at = state.add(PaymentState::Pending);
                    state.succeed(at);
                }
                Card::Declined => {
                    state.add(PaymentState::Failed);
                }
                Card::Verified => {
                    state.add(PaymentState::Pending);
                    state.status = "processing";
                }
            },
            Step::Confirm(_) => waiting.into_iter().for_each(|at| state.succeed(at)),
            Step::Reject(_) | Step::CancelPayment => {
                waiting.into_iter().for_each(|at| state.fail(at))
            }
            Step::LateSuccess => {
                let failed = state.find(PaymentState::Failed);
                failed.into_iter().for_each(|at| state.succeed(at));
            }
            Step::Refund(amount) | Step::DashboardRefund(amount) => {
                let possible = state.paid_payment().filter(|_| *amount <= state.rest());
                if let Some(at) = possible {
                    state.payments[at].refunds.push(*amount);
                    state.set_refunded_status();
                }
            }
            Step::RefundComesBack => {
                let paid = state.paid_payment();
                let refund = paid.and_then(|at| state.payments[at].refunds.pop());
                if refund.is_some() {
                    state.set_refunded_status();
                }
            }
            Step::Dispute(status) => {
                if let Some(at) = state.paid_payment() {
                    let dispute = &mut state.payments[at].dispute;
                    *dispute = (*dispute).max(Some(*status));
                }
            }
            Step::Reverse => {
                let rest = state.rest();
                if let Some(at) = state.paid_payment() {
                    state.payments[at].reversed += rest;
                }
            }
            Step::CancelInvoice if state.status == "open" => state.status = "canceled",
            Step::Expire => {
                state.overdue = true;
                if state.status == "open" {
                    state.status = "expired";
                }
            }
            _ => {}
        }
        state
    }
}
