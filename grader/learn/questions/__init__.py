"""Questions before a chapter, after it, and in a quiz, as states without input or output; review_ui/ asks them."""
