create table if not exists accounts (
    id text primary key,
    name text not null,
    key_hash text not null unique,
    webhook_secret text not null,
    created_at bigint not null
);

create table if not exists payments (
    id text primary key,
    account text not null references accounts (id),
    reference text not null,
    idempotency_key text not null,
    fingerprint text not null,
    answer text not null,
    amount bigint not null check (amount > 0),
    currency text not null,
    status text not null,
    decline_code text,
    captured bigint not null default 0,
    refunded bigint not null default 0 check (refunded between 0 and captured),
    outcome text not null,
    brand text,
    last4 text,
    exp_month bigint,
    exp_year bigint,
    verify_token text unique,
    framable boolean,
    confirm_declines text,
    return_url text not null,
    webhook_url text,
    later_at bigint,
    later_status text,
    later_decline text,
    later_webhook bigint,
    created_at bigint not null,
    unique (account, reference),
    unique (account, idempotency_key)
);

create index if not exists payments_later on payments (later_at) where later_at is not null;

create table if not exists refunds (
    id text primary key,
    account text not null references accounts (id),
    payment text not null references payments (id),
    reference text not null,
    idempotency_key text not null,
    fingerprint text not null,
    amount bigint not null check (amount > 0),
    currency text not null,
    created_at bigint not null,
    unique (account, reference),
    unique (account, idempotency_key)
);

create table if not exists events (
    id text primary key,
    account text not null references accounts (id),
    body text not null,
    created_at bigint not null
);

create table if not exists deliveries (
    id integer primary key,
    event text not null references events (id),
    url text not null,
    state text not null default 'pending',
    attempts bigint not null default 0,
    due_at bigint not null
);

create index if not exists deliveries_due on deliveries (due_at) where state = 'pending';

create table if not exists disputes (
    id text primary key,
    payment text not null unique references payments (id),
    amount bigint not null,
    currency text not null,
    reason text not null,
    status text not null,
    respond_by bigint not null,
    created_at bigint not null
);

create table if not exists reversals (
    id text primary key,
    payment text not null references payments (id),
    amount bigint not null,
    currency text not null,
    created_at bigint not null
);

create table if not exists follow_ups (
    id integer primary key,
    payment text not null references payments (id),
    refund text references refunds (id),
    kind text not null,
    due_at bigint not null
);

create index if not exists follow_ups_due on follow_ups (due_at);
