-- Attempts to pay from a payment form, against the testing of stolen cards. A row is deleted when its payment
-- succeeds, and a day after its last change. `address` and `card` are keyed hashes (crypto.rs).
create table payment_attempts (
    payment text primary key,
    project text not null,
    invoice text not null,
    address text not null,
    card    text,
    -- What the attempt counts: more once it was declined.
    points  bigint not null,
    at      bigint not null
);
create index payment_attempts_invoice on payment_attempts (invoice, at);
create index payment_attempts_address on payment_attempts (address, at);
create index payment_attempts_card on payment_attempts (card, at);
create index payment_attempts_declined on payment_attempts (project, at) where points > 1;
create index payment_attempts_age on payment_attempts (at);
-- Whether the attempt was suspicious: the browser is then not told why the payment was declined.
alter table payments add column suspicious bigint not null default 0;
