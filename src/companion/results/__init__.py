"""What a run leaves, and what it answers: rows, provenance, the papers' numbers, criteria, verdicts, the scorecard."""
