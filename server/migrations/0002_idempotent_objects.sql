-- The unique part of the id of what a call makes, chosen before it is made: a call that is carried on
-- after its server died makes the same thing, not a second one.
alter table idempotency_keys add column object text;
