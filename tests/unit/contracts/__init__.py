"""The contracts of interfaces, held by each implementation."""
