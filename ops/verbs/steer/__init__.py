"""Verbs that change the course of money: each shows what it will do, and asks."""
