"""What every verb of the command line stands on: its table, its answers, its exit codes, the database, batch names."""
