"""Corpora behind one interface."""
