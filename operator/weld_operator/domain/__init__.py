"""What to do, decided purely from the spec, the state, what is seen, and the time that is given."""
