-- The keys to which browsers encrypt cards. All servers share the key of a day.
create table card_encryption_keys (
    id text primary key,
    -- The number of the day since 1970-01-01 UTC.
    day bigint not null unique,
    -- The private key, encrypted.
    private_key text not null,
    created_at bigint not null
);
create index card_encryption_keys_created on card_encryption_keys (created_at);
