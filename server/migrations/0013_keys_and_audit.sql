-- Secret keys with a name and scopes. They are not rows of `secret_keys`: a server of before this table would
-- let them make every call, and would end them when it rotates the project's key.
create table named_keys (
    id           text primary key,
    project      text not null references projects (id),
    hash         text not null unique,
    name         text not null,
    -- JSON: a list of the scopes.
    scopes       text not null,
    created_at   bigint not null,
    -- When it was last used, to the minute.
    last_used_at bigint,
    valid_until  bigint
);
create index named_keys_project on named_keys (project);
alter table secret_keys add column last_used_at bigint;

-- Operators with a role. A name that has ended can be given again.
create table operators (
    name         text primary key,
    role         text not null,
    hash         text not null unique,
    created_at   bigint not null,
    last_used_at bigint,
    valid_until  bigint
);

-- The audit log as a chain: each entry has the next number and a hash over its content and the hash before.
-- Entries of a server of before these columns have no number and no hash.
alter table audit_log add column seq bigint;
alter table audit_log add column actor_id text;
alter table audit_log add column actor_name text;
alter table audit_log add column origin text;
alter table audit_log add column project text;
-- JSON: what the change replaced, and what it made.
alter table audit_log add column state_before text;
alter table audit_log add column state_after text;
alter table audit_log add column previous_hash text;
alter table audit_log add column hash text;
create index audit_log_seq on audit_log (seq);
-- The newest entry of the chain. One row, which an appended entry locks.
create table audit_head (
    name text primary key,
    seq  bigint not null,
    hash text not null
);
