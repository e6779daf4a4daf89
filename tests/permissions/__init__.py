"""What the operator may do, what it does, and which code of it does so."""
