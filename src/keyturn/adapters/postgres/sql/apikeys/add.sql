select keyturn.add_api_key(
    $1::uuid, $2::text, $3::text, $4::text, $5::bytea, $6::text, $7::timestamptz, $8::text, $9::text)
