"""The phases that turn videos in S3 into searchable frame embeddings, and what they share."""
