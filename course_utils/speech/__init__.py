"""Spoken sentences: samples, what speaks them, what writes them down, and the words that it gets wrong."""
