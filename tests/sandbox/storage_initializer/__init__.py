"""A stand-in for KServe's storage initializer: it brings what a storage uri names into a folder, or says why not."""
