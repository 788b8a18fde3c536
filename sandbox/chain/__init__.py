"""Ethereum on loopback: real blocks, transactions and a token in USDT's shape, asked by JSON-RPC.

Loaded only by a world that wishes for a chain: the virtual machine takes a second to import.
"""
