//! The life of one payment's invoice as a model: what may happen to it, and where it stands then.

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

/// What the invoice is over, in minor units.
pub const AMOUNT: i64 = 1000;

/// How the card that is tried behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Card {
    /// The money is taken.
    Approved,
    /// It is not.
    Declined,
    /// The buyer has to confirm at the bank.
    Verified,
    /// The money is taken, and nobody answers.
    Silent,
    /// The money is taken, and the answer is a failure.
    Failing,
}

impl Card {
    /// The sandbox's card that does.
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

/// How the server gets to hear of what happened at the bank. The reconciler always runs as well.
#[derive(Debug, Clone, Copy)]
pub enum Herald {
    /// By nobody else.
    Nobody,
    /// The payment system tells.
    Webhook,
    /// The buyer comes back.
    Buyer,
}

/// What may happen.
#[derive(Debug, Clone)]
pub enum Step {
    /// A press on Pay.
    Pay(Card),
    /// The last press once more, with its key.
    PayAgain,
    /// The buyer confirms at the bank.
    Confirm(Herald),
    /// The buyer refuses there.
    Refuse(Herald),
    /// The buyer gives the verification up in the widget.
    GiveUp,
    /// Any webhook that was ever sent comes again.
    Webhook(prop::sample::Index),
    /// The buyer of any payment comes back, again.
    Return(prop::sample::Index),
    /// The bank takes the money of a dead payment after all.
    TakesAfterAll,
    /// The project gives so much back.
    Refund(i64),
    /// The last refund once more, with its key.
    RefundAgain,
    /// The project calls the invoice off.
    CancelInvoice,
    /// Its time is over.
    Expire,
    /// The server is killed and started again.
    Crash,
}

/// How a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// For the buyer.
    Waiting,
    /// The money is taken.
    Taken,
    /// Declined or called off.
    Dead,
}

/// A payment.
#[derive(Debug, Clone)]
pub struct Paying {
    /// How it stands.
    pub standing: Standing,
    /// What was given back, in minor units.
    pub back: i64,
    /// Whether its money came when the invoice was paid already.
    pub duplicate: bool,
}

/// Where everything stands.
#[derive(Debug, Clone)]
pub struct Life {
    /// The invoice's status, as it goes over the wire.
    pub status: &'static str,
    /// Whether its time is over.
    pub overdue: bool,
    /// Its payments, the oldest first.
    pub payments: Vec<Paying>,
}

impl Life {
    fn was_paid(&self) -> bool {
        matches!(self.status, "paid" | "partially_refunded" | "refunded")
    }

    /// The first payment that stands so.
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

    /// The payment that pays the invoice.
    pub fn payer(&self) -> Option<usize> {
        let pays = |p: &Paying| p.standing == Standing::Taken && !p.duplicate;
        self.payments.iter().position(pays)
    }

    /// What the payer got back.
    pub fn back(&self) -> i64 {
        self.payer().map_or(0, |at| self.payments[at].back)
    }
}

/// What follows from what.
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
