"""Drill cards: their schedule, their review, and their export to Anki."""
