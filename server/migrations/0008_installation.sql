-- What the running servers tell the command line: `public_url`, the URL at which they are reached.
create table installation (
    name  text primary key,
    value text not null
);
