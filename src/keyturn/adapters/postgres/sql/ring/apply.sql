select keyturn.apply_ring_change($1::bigint, $2::jsonb, $3::timestamptz, $4::text, $5::text)
