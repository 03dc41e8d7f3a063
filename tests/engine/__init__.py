"""Whole engines over fakes: a disk and a server in memory."""
