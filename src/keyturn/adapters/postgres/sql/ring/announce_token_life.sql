select keyturn.announce_token_life($1::integer)
