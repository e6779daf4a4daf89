"""Gates: what they ask, what was answered, and the verdict that follows, purely."""
