"""The database: tables, connections, and the statements by noun."""
