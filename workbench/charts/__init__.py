"""Pure functions from records to altair charts. No chart runs an experiment."""
