"""Drill cards: which are unlocked, and how they leave for Anki."""
