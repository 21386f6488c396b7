"""What commands share: options, tables, durations, versions."""
