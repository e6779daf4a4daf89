"""`make demo`: the whole path on one machine, told step by step."""
