"""For instructors: takes submissions in, grades them, reports the grades, and makes the student edition."""
