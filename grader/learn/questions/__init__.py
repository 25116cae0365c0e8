"""Questions: before a chapter, after it, and in a quiz. States only; desk/ asks them."""
