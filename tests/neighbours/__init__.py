"""The database as it is deployed, and the services beside ours at work on it."""
