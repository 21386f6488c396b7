"""record: book the finished video."""
