"""docs/operate.md: its sessions played against a world of their own."""
