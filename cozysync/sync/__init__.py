"""The sync engine: from disk to log and back."""
