"""The fence for an operator: what a restored database lacks, entered again or given up, and going on."""
