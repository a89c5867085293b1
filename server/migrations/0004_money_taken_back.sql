-- A payment of a payment system pays at most one of ours, whichever account it came through.
create table payment_references (
    connector text not null,
    reference text not null,
    payment   text not null references payments (id),
    primary key (connector, reference)
);
create index payments_by_reference on payments (connector, reference) where reference is not null;
-- What the reference is the id of: a payment, or a page on which the buyer pays.
alter table payments add column reference_object text;
-- Whether the order was paid before: such a payment goes back, and its refunds are not the invoice's.
alter table payments add column duplicate bigint not null default 0;
-- Why an operator has to look at a payment that no payment system will end.
alter table payments add column review text;
-- Whether another payment paid the invoice, so that this one is canceled at its payment system.
alter table payments add column called_off bigint not null default 0;
-- The first payment of the call that created this one, if another account was tried before.
alter table payments add column first_attempt text;
create index payments_first_attempt on payments (first_attempt) where first_attempt is not null;
create index payments_project on payments (project, id);
create index payments_to_review on payments (connector) where review is not null;

-- Who requested a refund; null if a server of before this column wrote it.
alter table refunds add column source text;
-- Whether a call to the payment system was begun whose outcome may be unknown.
alter table refunds add column sent bigint not null default 0;
create index refunds_project on refunds (project, id);
create index refunds_reference on refunds (payment, reference) where reference is not null;

-- An invoice that expired or was canceled and whose order came again. Its order_id makes room for the
-- new invoice, and this is the order's number.
alter table invoices add column former_order_id text;
create index invoices_former_order on invoices (project, former_order_id)
    where former_order_id is not null;

-- Money that a payment system took back without a dispute.
create table reversals (
    payment    text not null references payments (id),
    reference  text not null,
    amount     bigint not null check (amount > 0),
    created_at bigint not null,
    primary key (payment, reference)
);

create table disputes (
    id         text primary key,
    payment    text not null references payments (id),
    project    text not null references projects (id),
    -- The payment system's id.
    reference  text not null,
    amount     bigint not null check (amount > 0),
    currency   text not null,
    reason     text,
    status     text not null,
    respond_by bigint,
    created_at bigint not null,
    updated_at bigint not null,
    constraint disputes_reference unique (payment, reference)
);
create index disputes_project on disputes (project, id);

-- What operators decided.
create table audit_log (
    id      text primary key,
    at      bigint not null,
    actor   text not null,
    action  text not null,
    subject text not null,
    detail  text not null
);
