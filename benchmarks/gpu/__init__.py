"""This project's model and videos on a GPU, against the floor: python -m benchmarks.gpu"""
