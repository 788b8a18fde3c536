"""How fast the project is beside what PostgreSQL and the libraries need for the same work; see docs/performance.md."""
