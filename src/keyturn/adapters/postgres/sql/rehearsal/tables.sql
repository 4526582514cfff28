-- What a rehearsal's clients read and write: everybody sees public rows and their own.
create table public.keyturn_notes (
    id bigint generated always as identity primary key,
    owner uuid,
    body text not null,
    is_public boolean not null default false
);
alter table public.keyturn_notes enable row level security;
create policy reads on public.keyturn_notes for select
    using (is_public or owner = (current_setting('request.jwt.claims', true)::jsonb ->> 'sub')::uuid);
create policy writes on public.keyturn_notes for insert
    with check (owner = (current_setting('request.jwt.claims', true)::jsonb ->> 'sub')::uuid);
grant select, insert on public.keyturn_notes to anon, authenticated, service_role;
alter role service_role bypassrls;
insert into public.keyturn_notes (body, is_public) values ('for everybody', true);
insert into public.keyturn_notes (body) values ('for nobody');
