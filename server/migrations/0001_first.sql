-- Times are milliseconds since 1970-01-01 UTC, money is minor units, lists and maps are JSON.
-- Secrets are encrypted (crypto.rs); the secret key is a SHA-256.

create table projects (
    id             text primary key,
    pk             text not null unique,
    -- Newest first, each with the time until which it is good.
    signing_secrets text not null,
    settings       text not null,
    notify_off     bigint,
    version        bigint not null default 1,
    created_at     bigint not null
);

-- Secret keys, as hashes. One that was replaced is good for a while yet.
create table secret_keys (
    hash        text primary key,
    project     text not null references projects (id),
    valid_until bigint,
    created_at  bigint not null
);
create index secret_keys_project on secret_keys (project);

create table connector_accounts (
    kind        text not null,
    account     text not null,
    project     text not null references projects (id),
    label       text not null,
    credentials text not null,
    methods     text not null,
    currencies  text not null,
    position    bigint not null,
    -- Takes no new payments; those that it carries are still asked after and refunded.
    removed     bigint not null default 0,
    constraint connector_accounts_id primary key (kind, account)
);
create index connector_accounts_project on connector_accounts (project, position);

create table invoices (
    id              text primary key,
    project         text not null references projects (id),
    order_id        text not null,
    order_hash      text not null,
    amount          bigint not null check (amount > 0),
    currency        text not null,
    description     text,
    items           text not null,
    buyer           text not null,
    locale          text,
    success_url     text,
    failure_url     text,
    metadata        text not null,
    method          text,
    status          text not null,
    amount_refunded bigint not null default 0 check (amount_refunded between 0 and amount),
    checked         bigint not null default 0,
    event_seq       bigint not null default 0,
    version         bigint not null default 1,
    created_at      bigint not null,
    expires_at      bigint not null,
    paid_at         bigint,
    constraint invoices_order_id unique (project, order_id)
);
create index invoices_expiry on invoices (expires_at) where status = 'open';

create table payments (
    id            text primary key,
    invoice       text not null references invoices (id),
    project       text not null references projects (id),
    method        text not null,
    connector     text not null,
    account       text not null,
    reference     text,
    amount        bigint not null check (amount > 0),
    currency      text not null,
    status        text not null,
    decline_code  text,
    card          text,
    verification  text not null,
    checks        bigint not null default 0,
    next_check_at bigint,
    created_at    bigint not null,
    updated_at    bigint not null
);
create index payments_invoice on payments (invoice);
-- At most one live payment an invoice: the database says so, not a read before a write.
create unique index payments_one_live on payments (invoice)
    where status in ('created', 'requires_verification', 'processing');
create unique index payments_reference on payments (connector, account, reference)
    where reference is not null;
create index payments_due on payments (next_check_at) where next_check_at is not null;

create table refunds (
    id              text primary key,
    payment         text not null references payments (id),
    project         text not null references projects (id),
    amount          bigint not null check (amount > 0),
    reason          text,
    status          text not null,
    reference       text,
    duplicate       bigint not null default 0,
    attempts        bigint not null default 0,
    next_attempt_at bigint,
    created_at      bigint not null,
    updated_at      bigint not null
);
create index refunds_payment on refunds (payment);
create index refunds_due on refunds (next_attempt_at) where next_attempt_at is not null;

create table events (
    id              text primary key,
    project         text not null references projects (id),
    invoice         text references invoices (id),
    sequence        bigint not null,
    type            text not null,
    body            text not null,
    -- One event per transition: type and the object it is about.
    about           text not null,
    state           text not null,
    attempts        bigint not null default 0,
    -- How many attempts there were when it was last asked to be sent: the schedule begins there.
    resent_after    bigint not null default 0,
    next_attempt_at bigint,
    created_at      bigint not null,
    delivered_at    bigint,
    constraint events_once unique (about),
    constraint events_sequence unique (invoice, sequence)
);
create index events_pending on events (project, next_attempt_at) where state = 'pending';

create table event_attempts (
    event       text not null references events (id),
    number      bigint not null,
    at          bigint not null,
    duration_ms bigint not null,
    status      bigint,
    error       text,
    answer      text,
    primary key (event, number)
);

create table connector_webhooks (
    connector   text not null,
    account     text not null,
    event_id    text not null,
    received_at bigint not null,
    primary key (connector, account, event_id)
);

create table idempotency_keys (
    scope        text not null,
    key          text not null,
    request_hash text not null,
    status       bigint,
    body         text,
    lease_until  bigint not null,
    created_at   bigint not null,
    primary key (scope, key)
);
