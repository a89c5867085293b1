-- The encryption keys that servers encrypted with (crypto.rs). Nothing about a key can be found from its id.
create table encryption_keys (
    id         text primary key,
    -- When a server first had it as the current key.
    created_at bigint not null,
    -- When `till keys rotate` replaced it by another key in all values.
    retired_at bigint
);
-- Finds the responses of a key: each ciphertext begins with the key's id.
create index idempotency_keys_encryption on idempotency_keys (substr(answer, 1, 8))
    where answer is not null;
