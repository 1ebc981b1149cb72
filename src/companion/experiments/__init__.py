"""One module a chapter: a Config for each profile, and a run that returns result rows."""
