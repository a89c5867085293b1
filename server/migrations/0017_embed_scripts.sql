-- The versions of the embed script, by name, so that pages with an earlier one keep it after an upgrade.
create table embed_scripts (
    name       text primary key,
    script     text not null,
    created_at bigint not null
);
