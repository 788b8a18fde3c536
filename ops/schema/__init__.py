"""How a database is brought up to the migrations in ops/migrations."""
