"""What is proven: the rules, the ledger they read, planted defects, and the tests."""
