//! The model of an invoice and its payments: the steps and the expected states.

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

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
    Silent,
    /// The payment succeeds and the response is HTTP 500.
    Failing,
}

impl Card {
    /// Returns the sandbox's test card.
    pub fn number(self) -> &'static str {
        match self {
            Self::Approved => "4242424242424242",
            Self::Declined => "4000000000009995",
            Self::Verified => "4000000000003220",
            Self::Silent => "4000000000009102",
            Self::Failing => "4000000000009136",
        }
    }
}

/// How the server learns the result of the verification. The reconciler always runs.
#[derive(Debug, Clone, Copy)]
pub enum Herald {
    /// Only the reconciler.
    Nobody,
    /// A webhook of the provider.
    Webhook,
    /// The buyer's return.
    Buyer,
}

/// A step of a test case.
#[derive(Debug, Clone)]
pub enum Step {
    /// The buyer pays.
    Pay(Card),
    /// The last payment request is repeated with its key.
    PayAgain,
    /// The buyer confirms the verification.
    Confirm(Herald),
    /// The buyer cancels the verification at the bank.
    Refuse(Herald),
    /// The buyer cancels the verification in the widget.
    GiveUp,
    /// A webhook is sent again.
    Webhook(prop::sample::Index),
    /// The buyer opens a return URL again.
    Return(prop::sample::Index),
    /// A failed payment succeeds late.
    TakesAfterAll,
    /// The project refunds an amount.
    Refund(i64),
    /// The last refund request is repeated with its key.
    RefundAgain,
    /// The project cancels the invoice.
    CancelInvoice,
    /// The invoice expires.
    Expire,
    /// The server is killed and restarted.
    Crash,
}

/// The state of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The payment requires verification.
    Waiting,
    /// The payment succeeded.
    Taken,
    /// The payment was declined or canceled.
    Dead,
}

/// A payment.
#[derive(Debug, Clone)]
pub struct Paying {
    /// The payment's state.
    pub standing: Standing,
    /// The refunded amount in minor units.
    pub back: i64,
    /// Whether the invoice was already paid when the payment succeeded.
    pub duplicate: bool,
}

/// The state of the model.
#[derive(Debug, Clone)]
pub struct Life {
    /// The invoice's status.
    pub status: &'static str,
    /// Whether the invoice has expired.
    pub overdue: bool,
    /// The payments, oldest first.
    pub payments: Vec<Paying>,
}

impl Life {
    fn was_paid(&self) -> bool {
        matches!(self.status, "paid" | "partially_refunded" | "refunded")
    }

    /// Finds the first payment in a state.
    pub fn find(&self, standing: Standing) -> Option<usize> {
        self.payments.iter().position(|p| p.standing == standing)
    }

    fn begin(&mut self, standing: Standing) -> usize {
        self.payments.push(Paying {
            standing,
            back: 0,
            duplicate: false,
        });
        self.payments.len() - 1
    }

    fn take(&mut self, at: usize) {
        let second = self.was_paid();
        let payment = &mut self.payments[at];
        payment.standing = Standing::Taken;
        payment.duplicate = second;
        if second {
            payment.back = AMOUNT;
        } else {
            self.status = "paid";
        }
    }

    fn end(&mut self, at: usize) {
        self.payments[at].standing = Standing::Dead;
        if self.status == "processing" {
            self.status = if self.overdue { "expired" } else { "open" };
        }
    }

    /// Finds the payment that paid the invoice.
    pub fn payer(&self) -> Option<usize> {
        let pays = |p: &Paying| p.standing == Standing::Taken && !p.duplicate;
        self.payments.iter().position(pays)
    }

    /// Returns the amount refunded of that payment.
    pub fn back(&self) -> i64 {
        self.payer().map_or(0, |at| self.payments[at].back)
    }
}

/// The reference state machine.
pub struct Model;

impl ReferenceStateMachine for Model {
    type State = Life;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Life> {
        Just(Life {
            status: "open",
            overdue: false,
            payments: vec![],
        })
        .boxed()
    }

    fn transitions(life: &Life) -> BoxedStrategy<Step> {
        use Card::*;
        let cards = prop::sample::select(vec![
            Approved, Declined, Declined, Verified, Verified, Silent, Failing,
        ]);
        let herald = || prop::sample::select(vec![Herald::Nobody, Herald::Webhook, Herald::Buyer]);
        let mut steps = vec![
            (5, cards.prop_map(Step::Pay).boxed()),
            (1, Just(Step::PayAgain).boxed()),
            (
                2,
                any::<prop::sample::Index>().prop_map(Step::Webhook).boxed(),
            ),
            (
                1,
                any::<prop::sample::Index>().prop_map(Step::Return).boxed(),
            ),
            (2, (1..=AMOUNT + 200).prop_map(Step::Refund).boxed()),
            (1, Just(Step::RefundAgain).boxed()),
            (1, Just(Step::CancelInvoice).boxed()),
            (1, Just(Step::Expire).boxed()),
            (1, Just(Step::Crash).boxed()),
        ];
        if life.find(Standing::Waiting).is_some() {
            steps.push((4, herald().prop_map(Step::Confirm).boxed()));
            steps.push((2, herald().prop_map(Step::Refuse).boxed()));
            steps.push((2, Just(Step::GiveUp).boxed()));
        }
        if life.find(Standing::Dead).is_some() {
            steps.push((2, Just(Step::TakesAfterAll).boxed()));
        }
        prop::strategy::Union::new_weighted(steps).boxed()
    }

    fn preconditions(life: &Life, step: &Step) -> bool {
        match step {
            Step::Confirm(_) | Step::Refuse(_) | Step::GiveUp => {
                life.find(Standing::Waiting).is_some()
            }
            Step::TakesAfterAll => life.find(Standing::Dead).is_some(),
            _ => true,
        }
    }

    fn apply(mut life: Life, step: &Step) -> Life {
        let waiting = life.find(Standing::Waiting);
        match step {
            Step::Pay(card) if life.status == "open" => match card {
                Card::Approved | Card::Silent | Card::Failing => {
                    let at = life.begin(Standing::Waiting);
                    life.take(at);
                }
                Card::Declined => {
                    life.begin(Standing::Dead);
                }
                Card::Verified => {
                    life.begin(Standing::Waiting);
                    life.status = "processing";
                }
            },
            Step::Confirm(_) => waiting.into_iter().for_each(|at| life.take(at)),
            Step::Refuse(_) | Step::GiveUp => waiting.into_iter().for_each(|at| life.end(at)),
            Step::TakesAfterAll => {
                let dead = life.find(Standing::Dead);
                dead.into_iter().for_each(|at| life.take(at));
            }
            Step::Refund(amount) => {
                let rest = AMOUNT - life.back();
                if let Some(payer) = life.payer()
                    && *amount <= rest
                {
                    life.payments[payer].back += amount;
                    let all = *amount == rest;
                    life.status = if all {
                        "refunded"
                    } else {
                        "partially_refunded"
                    };
                }
            }
            Step::CancelInvoice if life.status == "open" => life.status = "canceled",
            Step::Expire => {
                life.overdue = true;
                if life.status == "open" {
                    life.status = "expired";
                }
            }
            _ => {}
        }
        life
    }
}
