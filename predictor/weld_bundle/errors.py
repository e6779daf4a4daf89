"""What every refusal of a bundle is raised as."""

from __future__ import annotations


class BundleError(Exception):
    """A bundle that is refused; the message is one sentence that names the file, type or version at fault."""
