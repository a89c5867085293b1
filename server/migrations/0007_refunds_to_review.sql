-- When the payment system refused a refund after a call without an answer: that call may have
-- refunded, so the refund stays pending, and an operator has to look at it.
alter table refunds add column refused_at bigint;
create index refunds_to_review on refunds (payment) where refused_at is not null;
