select keyturn.relabel_api_key(
    $1::uuid, $2::text, $3::text, $4::timestamptz, $5::text, $6::text)
