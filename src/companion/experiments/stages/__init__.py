"""Stages that several experiments share; each is computed once and found again."""
