"""What each release left behind in a cluster, and what the present code would make of it."""
