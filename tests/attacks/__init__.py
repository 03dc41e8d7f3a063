"""What a hostile server, network or device may try; the numbers are those of docs/THREATS.md."""
