-- A stranger's database: nothing of its making is found by an unqualified name, and nothing waits.
set local search_path = pg_catalog;
set local statement_timeout = '3s';
set local lock_timeout = '1s';
set local idle_in_transaction_session_timeout = '10s'
