-- The response to a call, encrypted, with its HTTP status. A server of before this column finds neither
-- `status` nor `body` then, and takes the call for one that still runs.
alter table idempotency_keys add column answer text;
-- The invoice that the response is about, so that the buyer's data can be removed from it.
alter table idempotency_keys add column invoice text;
create index idempotency_keys_created on idempotency_keys (created_at);
create index idempotency_keys_invoice on idempotency_keys (invoice) where invoice is not null;
-- Responses that a server of before `answer` wrote.
create index idempotency_keys_plain on idempotency_keys (scope) where body is not null;

-- When the event's data were removed from its body. It can't be sent again then.
alter table events add column data_removed_at bigint;
create index events_with_data on events (state, created_at)
    where data_removed_at is null and state <> 'pending';
create index event_attempts_at on event_attempts (at);

create index connector_webhooks_received on connector_webhooks (received_at);
create index connector_webhooks_newest on connector_webhooks (connector, account, received_at);

-- When the buyer's data were removed.
alter table invoices add column buyer_removed_at bigint;
create index invoices_with_buyer on invoices (coalesce(ended_at, paid_at, expires_at))
    where buyer_removed_at is null and status not in ('open', 'processing');
create index refunds_with_reason on refunds (updated_at) where reason is not null;
