"""The background process: configuration, log, supervision."""
