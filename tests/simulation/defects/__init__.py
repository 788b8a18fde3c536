"""Mistakes, planted in the code at run time, to show that the rules and the model would see them."""
