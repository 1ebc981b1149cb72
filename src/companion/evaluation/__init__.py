"""Measures, on arrays only: (reference, estimated) in, named results out."""
