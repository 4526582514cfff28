-- Who a token that changes a contact belongs to; both forms of its hash may be given.
select coalesce(u.email, ''), coalesce(u.phone, '')
  from auth.one_time_tokens o join auth.users u on u.id = o.user_id
 where o.token_hash = any ($1::text[]) and o.token_type::text = any ($2::text[])
 limit 1
