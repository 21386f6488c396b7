"""What is written down and read again: typed records, and where they carry their names."""
