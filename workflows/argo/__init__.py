"""Argo: its templates rendered from the contracts, and runs in a cluster."""
