"""Whole devices and their server in one seeded loop; see docs/SIMULATION.md."""
