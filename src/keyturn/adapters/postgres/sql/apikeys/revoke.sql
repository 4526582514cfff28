select keyturn.revoke_api_key($1::uuid, $2::timestamptz, $3::text, $4::text)
