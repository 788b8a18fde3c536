"""What keeps two checks apart: one advisory lock in the whole database, which operators' verbs hold too."""

from typing import Final

CHECK_LOCK: Final = 0x6D69_6372_6F62  # "microb"
