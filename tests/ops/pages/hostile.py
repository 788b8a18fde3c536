"""Texts that would like to be more than texts, put wherever the tables take one."""

import json
from typing import Final

from tests.ops.pages.records import Records

RUN: Final = "document.title='run'"
TAGS: Final = f"<script>{RUN}</script>"
QUOTES: Final = f'"\'><img src=x onerror="{RUN}">'
TURNED: Final = "paid\u202e001$"
HEBREW: Final = "שלום עולם"
ENDLESS: Final = "wait " * 2_000
TEMPLATE: Final = "{{ 7 * 191 }}{% raw %}"


def make_hostile(records: Records) -> None:
    """Let payments, the newest batches and acts carry such texts, and let one payment be worth nothing known."""
    newest, second = records.batches[-1], records.batches[-2]
    newest |= {"exchange_status": TAGS[:40], "payin_address": QUOTES, "cn_api_id": f"{TEMPLATE}1"}
    second |= {"failure_reason": TAGS + HEBREW, "conversion_status": "failed", "exchange_status": TURNED}
    second |= {"actual_usdt_received": None, "completed_at": None, "settled_by": None}
    records.payments[-1] |= {"client_id": "<b>bold</b>", "accumulated_eth": "NaN"}
    records.payments[-2] |= {"client_id": "\"'><i>&lt;"}
    records.payments[-3] |= {"client_id": TURNED[:14]}
    detail = json.dumps({"new": TAGS})
    act = {"act": "policy set", "by_whom": QUOTES, "detail": detail, "acted_at": records.checks[-1]["checked_at"]}
    records.acts += [act | {"why": why} for why in (ENDLESS, TURNED, HEBREW, TEMPLATE, "a\nb\x1b[2Jc")]
