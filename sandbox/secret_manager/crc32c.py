"""CRC-32C (Castagnoli), the checksum that Secret Manager sends beside a payload."""

from __future__ import annotations

_POLYNOMIAL = 0x82F63B78  # reflected


def _step(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
    return value


_TABLE = [_step(byte) for byte in range(256)]


def crc32c(content: bytes) -> int:
    """The checksum of *content*; that of b"123456789" is 0xE3069283."""
    value = 0xFFFFFFFF
    for byte in content:
        value = (value >> 8) ^ _TABLE[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF
