"""What a plan must not hold, and what the functions must get: compared with what their code reads."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from shared import settings
from shared.model.policy import POLICY_SECRET, THRESHOLD_SECRET, Policy, parse_policy, parse_threshold
from tests.terraform.configuration.planned_environment import SECRET_VALUES, environment, secret_variables, service
from tests.terraform.tool import of_type, resources

NOT_IN_THE_CLOUD = {
    "CLOUD_TASKS_EMULATOR_HOST",
    "DATABASE_URL",
    "PUBSUB_EMULATOR_HOST",
    "SECRET_MANAGER_EMULATOR_HOST",
    "STORAGE_EMULATOR_HOST",
}
# When the language's own support ends (PEP 664, 693, 719, 745); Google deprecates the runtime in the same month.
SUPPORTED_UNTIL = {
    "python311": date(2027, 10, 1),
    "python312": date(2028, 10, 1),
    "python313": date(2029, 10, 1),
    "python314": date(2030, 10, 1),
}
TIME_TO_MOVE = timedelta(days=180)
READS = {name: settings.names_read_by(name) for name in ("check_threshold", "swap_executed")}


def sensitive_values(marks: Any, value: Any) -> Iterator[Any]:
    """The values that Terraform itself marks as sensitive."""
    if marks is True:
        yield value
    elif isinstance(marks, dict) and isinstance(value, dict):
        for key, inner in marks.items():
            yield from sensitive_values(inner, value.get(key))
    elif isinstance(marks, list) and isinstance(value, list):
        for inner, one in zip(marks, value, strict=False):
            yield from sensitive_values(inner, one)


@pytest.mark.parametrize("function", READS)
def test_the_environment_is_what_the_code_reads(plan: dict[str, Any], function: str) -> None:
    """Nothing missing, nothing more: but for the addresses of stand-ins, which the cloud has none of."""
    assert set(environment(plan, function)) == READS[function] - NOT_IN_THE_CLOUD


@pytest.mark.parametrize("function", READS)
def test_no_variable_is_both_plain_and_secret(plan: dict[str, Any], function: str) -> None:
    """What is secret comes from Secret Manager under its own name, and only from there."""
    secrets = secret_variables(plan, function)
    assert not set(secrets) & set(service(plan, function)["environment_variables"])
    assert all(key == secret for key, secret in secrets.items())
    assert (
        set(SECRET_VALUES)
        >= set(secrets)
        >= set(SECRET_VALUES)
        - {
            "GCHOSTPAY1_BATCH_QUEUE",
            "HOST_WALLET_ETH_ADDRESS",
            "HOST_WALLET_USDT_ADDRESS",
        }
    )


def test_the_planned_settings_load_and_are_the_codes_defaults(plan: dict[str, Any]) -> None:
    """With the planned environment both functions start, and no time-out differs from the code's own."""
    check, swap = environment(plan, "check_threshold"), environment(plan, "swap_executed")
    optional = {"CHANGENOW_API_URL", "CLOUD_SQL_IP_TYPE", "CLOUD_TASKS_PROJECT_ID", "RECEIVED_DEVIATION_PCT"}
    bare = [
        {key: value for key, value in one.items() if key not in optional and not key.endswith("_S")}
        for one in (check, swap)
    ]
    assert settings.load_check_settings(check) == settings.load_check_settings(bare[0])
    assert settings.load_callback_settings(swap) == settings.load_callback_settings(bare[1])


def test_the_seeds_are_the_codes_defaults(plan: dict[str, Any]) -> None:
    """The first threshold is $20.00 and the first policy pauses, else as without one; the code takes both."""
    seeds = {
        address.split('"')[1]: values["secret_data"]
        for address, values in of_type(plan, "google_secret_manager_secret_version.seed").items()
    }
    assert set(seeds) == {THRESHOLD_SECRET, POLICY_SECRET}
    assert seeds[THRESHOLD_SECRET] == "20.00"
    assert parse_threshold(seeds[THRESHOLD_SECRET].encode()) == 20
    assert parse_policy(seeds[POLICY_SECRET].encode()) == Policy(paused=True)


def test_the_secrets_read_through_the_api_are_granted(plan: dict[str, Any]) -> None:
    """Those that only check_threshold reads, in each check."""
    grants = set(of_type(plan, "google_secret_manager_secret_iam_member.accessor"))
    for secret in (THRESHOLD_SECRET, POLICY_SECRET):
        assert f'google_secret_manager_secret_iam_member.accessor["check_threshold/{secret}"]' in grants
        assert f'google_secret_manager_secret_iam_member.accessor["swap_executed/{secret}"]' not in grants


def test_the_plan_holds_no_secret_value(plan: dict[str, Any]) -> None:
    """Of what is sensitive a plan holds the initial threshold, the initial policy and two queues' names."""
    found: dict[str, list[Any]] = {}
    for change in plan["resource_changes"]:
        marks, after = change["change"].get("after_sensitive"), change["change"]["after"]
        values = [value for value in sensitive_values(marks, after) if value not in (None, [], {})]
        if values:
            found[change["address"]] = values
    version = "google_secret_manager_secret_version"
    assert set(found) == {
        f'{version}.queue["GCHOSTPAY1_BATCH_QUEUE"]',
        f'{version}.queue["MICROBATCH_RESPONSE_QUEUE"]',
        f'{version}.seed["MICRO_BATCH_POLICY"]',
        f'{version}.seed["MICRO_BATCH_THRESHOLD_USD"]',
    }
    assert found[f'{version}.seed["MICRO_BATCH_THRESHOLD_USD"]'] == ["20.00"]
    names = {"gchostpay1-batch-queue", "microbatch-response-queue"}
    assert {value for address in found if ".queue[" in address for value in found[address]} <= names


def test_no_variable_could_carry_a_secret(plan: dict[str, Any]) -> None:
    """Nobody is asked for a key or a password: the configuration has no variable for one."""
    words = ("key", "password", "token", "wallet", "credential")
    exceptions = {"kms_key"}  # the id of a key, not the key
    assert not [name for name in plan["variables"] if any(word in name for word in words) and name not in exceptions]
    assert "the-signing-key" not in json.dumps(plan)


def test_the_runtime_is_supported_for_months_to_come(plan: dict[str, Any]) -> None:
    """No update of Python, and soon no deployment, comes after that: there is time to move as long as this passes."""
    runtime = plan["variables"]["runtime"]["value"]
    assert datetime.now(UTC).date() < SUPPORTED_UNTIL[runtime] - TIME_TO_MOVE, (
        f"{runtime} ends on {SUPPORTED_UNTIL[runtime]}. Take the newest Python that every pin has wheels for: the "
        "default of runtime in terraform/variables_batching.tf, then make clean lock test with that PYTHON, "
        "and a deployment to staging first. Dates: docs.cloud.google.com/functions/docs/runtime-support"
    )


def test_the_runtime_is_the_one_tested_with(plan: dict[str, Any]) -> None:
    """The default runtime is the Python that runs this test, as far as the platform has it."""
    planned = {
        resources(plan)[f'google_cloudfunctions2_function.main["{name}"]']["build_config"][0]["runtime"]
        for name in READS
    }
    if sys.version_info[:2] != (3, 11):
        pytest.skip("tested with another Python than the one of make setup's minimum")
    assert planned == {f"python{sys.version_info.major}{sys.version_info.minor}"}
