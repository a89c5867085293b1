-- An attempt is running until this time. It holds only while it equals next_attempt_at: a server of
-- an older version changes that column alone.
alter table events add column leased_until bigint;
-- The endpoint refused the last attempt: until this time later events of the invoice do not wait for
-- this one. It holds only while it equals next_attempt_at, for the same reason.
alter table events add column refused_until bigint;
-- For counting and resending.
create index events_unsent on events (project, id) where state = 'unsent';
create index events_failed on events (project, id) where state = 'failed';
