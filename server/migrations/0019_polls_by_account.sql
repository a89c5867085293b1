-- The payments of an account whose status is to be polled.
create index payments_due_of_account on payments (connector, account, next_check_at)
    where next_check_at is not null;
