"""The demo and the kept sandbox: what `make demo` and `make sandbox` show."""
