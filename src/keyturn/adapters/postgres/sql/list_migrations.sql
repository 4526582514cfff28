select name, checksum from keyturn.migrations
