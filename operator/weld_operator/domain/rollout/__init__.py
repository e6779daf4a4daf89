"""The trial of a candidate: what it remembers, what it sees, and the next step that follows, purely."""
