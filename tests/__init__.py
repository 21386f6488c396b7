"""Tests of behaviour, through public entry points, on real videos and real services."""
