insert into keyturn.migrations (name, checksum) values ($1, $2)
