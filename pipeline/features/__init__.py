"""Frozen features that need no download, and the statistics and similarities built on them."""
