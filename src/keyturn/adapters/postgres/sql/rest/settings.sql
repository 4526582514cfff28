-- What a request may do and see, for its transaction only.
select
  set_config('search_path', $1, true),
  set_config('request.jwt.claims', $2, true),
  set_config('request.method', $3, true),
  set_config('request.path', $4, true),
  set_config('request.headers', $5, true),
  set_config('request.cookies', $6, true),
  set_config('statement_timeout', $7, true),
  set_config('role', $8, true)
