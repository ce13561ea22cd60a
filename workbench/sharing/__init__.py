"""Sharing: what leaves the bench, as a picture, a table or an experiment's text."""
