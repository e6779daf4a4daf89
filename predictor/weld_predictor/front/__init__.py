"""The socket's side of REST: plain inference requests are answered here, all others by KServe's application."""
