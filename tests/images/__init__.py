"""The images: built from scratch on a base without a registry, and run as a cluster would run them."""
