"""The demonstration: real videos from Python packages, run, searched and shown."""
