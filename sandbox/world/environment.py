"""The environment of the functions in a world: every setting, from where the world's parts are."""

from typing import Final

from sandbox.chain.accounts import HOST
from sandbox.world.addresses import BATCH_QUEUE, EVENTS_TOPIC, FENCE_BUCKET, LOCATION, PROJECT, Addresses

SIGNING_KEY: Final = "sandbox-signing-key"
CHANGENOW_API_KEY: Final = "changenow-sandbox-key"
HOST_WALLET_USDT: Final = "0x" + "a0" * 20
HOST_WALLET_ETH: Final = HOST.address


def function_environment(where: Addresses) -> dict[str, str]:
    """Every setting of either function."""
    return {
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "SUCCESS_URL_SIGNING_KEY": SIGNING_KEY,
        "CHANGENOW_API_KEY": CHANGENOW_API_KEY,
        "CHANGENOW_API_URL": where.changenow_url,
        "DATABASE_URL": where.database_url,
        "BATCH_EVENTS_TOPIC": EVENTS_TOPIC,
        "CLOUD_TASKS_LOCATION": LOCATION,
        "GCHOSTPAY1_BATCH_QUEUE": BATCH_QUEUE,
        "GCHOSTPAY1_URL": where.gchostpay1_url,
        "HOST_WALLET_USDT_ADDRESS": HOST_WALLET_USDT,
        "HOST_WALLET_ETH_ADDRESS": HOST_WALLET_ETH,
        "CLOUD_TASKS_EMULATOR_HOST": where.cloud_tasks,
        "SECRET_MANAGER_EMULATOR_HOST": where.secret_manager,
        "PUBSUB_EMULATOR_HOST": where.pubsub,
        "FENCE": f"gs://{FENCE_BUCKET}/newest-order",
        "STORAGE_EMULATOR_HOST": where.storage,
    }


def operator_environment(where: Addresses) -> dict[str, str]:
    """The functions' settings, and what the operators' command line reads besides."""
    chain = {"ETHEREUM_RPC_URL": where.chain_url} if where.chain_url else {}
    return function_environment(where) | chain
