"""The environment that the plan gives a function, with made-up values of its secrets."""

from typing import Any

from tests.terraform.tool import resources

SECRET_VALUES = {
    "CHANGENOW_API_KEY": "the-api-key",
    "DATABASE_NAME_SECRET": "telepaydb",
    "DATABASE_PASSWORD_SECRET": "the-password",
    "DATABASE_USER_SECRET": "the-user",
    "GCHOSTPAY1_BATCH_QUEUE": "gchostpay1-batch-queue",
    "HOST_WALLET_ETH_ADDRESS": "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "HOST_WALLET_USDT_ADDRESS": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "SUCCESS_URL_SIGNING_KEY": "the-signing-key",
}


def service(plan: dict[str, Any], function: str) -> dict[str, Any]:
    """The run-time configuration that a function is planned with."""
    config: dict[str, Any] = resources(plan)[f'google_cloudfunctions2_function.main["{function}"]']["service_config"][0]
    return config


def secret_variables(plan: dict[str, Any], function: str) -> dict[str, str]:
    """Which secret each secret variable of a function comes from."""
    return {one["key"]: one["secret"] for one in service(plan, function)["secret_environment_variables"]}


def environment(plan: dict[str, Any], function: str) -> dict[str, str]:
    """The environment that the function would find, with made-up values of its secrets."""
    plain: dict[str, str] = service(plan, function)["environment_variables"]
    return plain | {key: SECRET_VALUES[key] for key in secret_variables(plan, function)}
