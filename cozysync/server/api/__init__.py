"""The server's interface, one noun a file (protocol/SPEC.md, section 6)."""
