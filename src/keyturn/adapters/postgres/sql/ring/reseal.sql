select keyturn.reseal_key($1::text, $2::bytea, $3::bytea, $4::timestamptz, $5::text, $6::text)
