"""index: upsert the vectors into Qdrant."""
