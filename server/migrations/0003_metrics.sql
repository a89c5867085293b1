-- For what is read at every scrape of /metrics: payments whose fate is open, callbacks that wait.
create index payments_unknown on payments (connector, created_at)
    where status in ('created', 'processing');
create index events_waiting on events (created_at) where state = 'pending';
