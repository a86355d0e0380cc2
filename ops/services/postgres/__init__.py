"""The shared Postgres: its URLs, our schema and role in it, and proof that nothing else was touched."""
