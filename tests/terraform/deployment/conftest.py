"""The shell in which the operators' verbs are tried, for the verbs of a deployment as well."""

from tests.ops.conftest import bare_shell

__all__ = ["bare_shell"]
