"""cozysync: a sync daemon whose server can read nothing."""

__version__ = "0.1.0"
