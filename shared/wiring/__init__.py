"""The one place that puts a function's parts together; nothing of Google's is imported or connected yet by then."""
