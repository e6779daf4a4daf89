"""The `weldserve` command. Each command imports what it needs, and says which extra is missing."""
