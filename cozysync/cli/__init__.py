"""The `cozysync` command."""
