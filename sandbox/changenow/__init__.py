"""ChangeNow's API v2 on loopback."""
