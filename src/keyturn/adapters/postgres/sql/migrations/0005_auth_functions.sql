-- Who is asking, for policies: the claims that PostgREST puts into request.jwt.claims.
-- skip-if: to_regprocedure('auth.uid()') is not null and to_regprocedure('auth.role()') is not null and to_regprocedure('auth.email()') is not null and to_regprocedure('auth.jwt()') is not null

do $functions$
declare
    wanted record;
begin
    -- PostgREST before v9 set one setting per claim; both forms are read, the old one first.
    for wanted in
        select * from (values ('uid', 'sub', 'uuid'), ('role', 'role', 'text'), ('email', 'email', 'text'))
            as functions (name, claim, result)
    loop
        continue when to_regprocedure(format('auth.%I()', wanted.name)) is not null;
        execute format(
            $sql$
            create function auth.%1$I() returns %3$s language sql stable as $body$
                select coalesce(
                    nullif(current_setting('request.jwt.claim.%2$s', true), ''),
                    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> '%2$s'
                )::%3$s
            $body$
            $sql$,
            wanted.name, wanted.claim, wanted.result
        );
    end loop;
    if to_regprocedure('auth.jwt()') is null then
        create function auth.jwt() returns jsonb language sql stable as $body$
            select coalesce(
                nullif(current_setting('request.jwt.claim', true), ''),
                nullif(current_setting('request.jwt.claims', true), '')
            )::jsonb
        $body$;
    end if;
end
$functions$;
