"""What the pages show: published values, results, provenance, figures, scorecard."""
