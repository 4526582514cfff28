"""PostgreSQL: the embedded cluster, the pool, migrations and the stores."""
