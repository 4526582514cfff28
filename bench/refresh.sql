\if :started
\else
select token from public.bench_tokens where n = :client_id \gset
\set started 1
\endif
\set entropy random(1, 281474976710655)
select verdict, cause, token, hmac_key, counter, who::text, opened::text from keyturn.refresh_v1(:token, lpad(to_hex(:entropy::bigint), 12, '0'), null, now(), '127.0.0.1', 'pgbench', row(true, 0, false, 0, null, null, null, false, '{}', true)::keyturn.refresh_rules) \gset
