"""Other model servers, each in an environment of its own, with the same estimator.

Each `*_server.py` here runs in its own environment and imports nothing of the product.
"""
