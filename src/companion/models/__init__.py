"""The papers' networks. No model knows a dataset."""
