"""The environment is read once, and everything wrong with it is said at once."""

import traceback
from datetime import timedelta
from urllib.parse import quote

import pytest

from shared.errors import SettingsInvalid
from shared.settings import load_callback_settings, load_check_settings, load_database_settings

COMPLETE = {
    "GOOGLE_CLOUD_PROJECT": "telepay",
    "CLOUD_TASKS_LOCATION": "us-central1",
    "GCHOSTPAY1_BATCH_QUEUE": "gchostpay1-batch-queue\n",
    "GCHOSTPAY1_URL": "https://gchostpay1.example/\n",
    "SUCCESS_URL_SIGNING_KEY": "the-new-key, the-old-key\n",
    "CHANGENOW_API_KEY": "the-api-key\n",
    "HOST_WALLET_USDT_ADDRESS": "0x" + "1" * 40 + "\n",
    "HOST_WALLET_ETH_ADDRESS": "0x" + "2" * 40,
    "DATABASE_URL": "postgresql://user:p%40ssword@db.example:6432/telepay\n",
    "BATCH_EVENTS_TOPIC": "batch-events",
}


def test_white_space_is_stripped_and_defaults_suit_production() -> None:
    """Secrets written with echo end in a newline."""
    settings = load_check_settings(COMPLETE)
    assert settings.tasks_queue == "projects/telepay/locations/us-central1/queues/gchostpay1-batch-queue"
    assert settings.signing_keys == ("the-new-key", "the-old-key")
    assert settings.changenow_api_url == "https://api.changenow.io/v2"
    assert settings.events_topic == "projects/telepay/topics/batch-events"
    assert (settings.reconcile_grace, settings.stuck_after) == (timedelta(minutes=20), timedelta(minutes=60))
    address = settings.database.address
    assert (address.user, address.password, address.host, address.port) == ("user", "p@ssword", "db.example", 6432)
    assert load_callback_settings(COMPLETE).token_age_max == timedelta(hours=25)


def test_cloud_sql_instead_of_an_address() -> None:
    """The four Cloud SQL settings stand for the address."""
    environ = {
        "CLOUD_SQL_CONNECTION_NAME": "telepay:us-central1:telepaypsql",
        "DATABASE_NAME_SECRET": "telepaydb\n",
        "DATABASE_USER_SECRET": "postgres\n",
        "DATABASE_PASSWORD_SECRET": "the-password\n",
    }
    address = load_database_settings(environ).address
    assert (address.connection_name, address.name) == ("telepay:us-central1:telepaypsql", "telepaydb")
    assert (address.password, address.ip_type) == ("the-password", "PUBLIC")


def test_one_message_names_everything_that_is_missing() -> None:
    """An operator mends the whole environment after one look."""
    with pytest.raises(SettingsInvalid) as caught:
        load_check_settings({})
    for name in COMPLETE.keys() - {"BATCH_EVENTS_TOPIC"}:
        assert name in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GCHOSTPAY1_URL", "gchostpay1.example"),
        ("HOST_WALLET_USDT_ADDRESS", "0x123"),
        ("HOST_WALLET_ETH_ADDRESS", "TXYZ" * 10),
        ("DATABASE_URL", "mysql://user@host/name"),
        ("DATABASE_URL", "postgresql://user:pass@host:port/name"),
        ("HTTP_TIMEOUT_S", "0"),
        ("HTTP_TIMEOUT_S", "13"),
        ("RECONCILE_GRACE_S", "-1"),
        ("STUCK_AFTER_S", "an hour"),
        ("CLOUD_TASKS_EMULATOR_HOST", "http://127.0.0.1:1"),
        ("RECEIVED_DEVIATION_PCT", "NaN"),
        ("SUCCESS_URL_SIGNING_KEY", " , "),
    ],
)
def test_a_bad_setting_is_named(name: str, value: str) -> None:
    """The variable is named, and what is wrong with it; a secret's value is not shown."""
    with pytest.raises(SettingsInvalid, match=name):
        load_check_settings(COMPLETE | {name: value})


def test_secrets_do_not_show() -> None:
    """Printing the settings shows no key and no password."""
    shown = repr(load_check_settings(COMPLETE))
    assert not any(secret in shown for secret in ("the-new-key", "the-old-key", "p@ssword", "the-api-key"))


@pytest.mark.parametrize(
    "secret", ["a-key\nwith-a-break", "a-key\twith-a-tab", "a-kéy-not-in-ascii", "a-key\x7f-deleted", "seven77"]
)
@pytest.mark.parametrize(
    "name", ["SUCCESS_URL_SIGNING_KEY", "CHANGENOW_API_KEY", "DATABASE_PASSWORD_SECRET", "DATABASE_URL"]
)
def test_a_secret_that_is_none_is_named_and_never_shown(name: str, secret: str) -> None:
    """A line break inside, a character outside printable ASCII, or too few of them: refused at start."""
    values = {
        "SUCCESS_URL_SIGNING_KEY": f"the-good-key, {secret}",
        "DATABASE_URL": f"postgresql://user:{quote(secret)}@127.0.0.1/telepay",
    }
    with pytest.raises(SettingsInvalid, match=name) as caught:
        load_check_settings(COMPLETE | {name: values.get(name, secret)})
    shown = "".join(traceback.format_exception(caught.value))
    assert not any(spelling in shown for spelling in (secret, repr(secret)[1:-1], quote(secret)))
