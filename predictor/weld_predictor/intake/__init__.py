"""What becomes of a request before it is scored: decoded, checked against the card, its readings flagged."""
