select keyturn.add_api_key(
    $1::uuid, $2::text, $3::text, $4::text, $5::bytea, $6::text, $7::text, $8::timestamptz, $9::text,
    $10::text)
