"""What has no I/O: amounts, tokens, the operators' levers and the decision."""
