"""What is proven: the rules, the records they read, planted defects, and the tests."""
