-- Whether the order came from a browser: an unsigned form or a page's order. What a browser said may be
-- replaced by what the project's server says.
alter table invoices add column from_browser bigint not null default 0;
-- When the invoice was paid, canceled or expired. Its client token ends a day later. Null for invoices that
-- ended under an earlier version.
alter table invoices add column ended_at bigint;
