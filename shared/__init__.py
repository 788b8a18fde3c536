"""What both functions share: money, tokens, the batch's life, and the adapters to everything outside."""
