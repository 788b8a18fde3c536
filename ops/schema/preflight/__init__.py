"""What is looked at before the first change to a database, and what is said of it."""
