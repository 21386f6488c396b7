"""Qdrant's engine within the process, over a folder whose holder answers for other processes."""
