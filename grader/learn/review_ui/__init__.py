"""Review, quiz, reading and re-solve in a terminal: loops that pass keys to the states in cards/ and questions/."""
