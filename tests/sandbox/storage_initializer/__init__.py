"""What stands for the image of KServe's storage initializer: KServe's own code, of the package `kserve-storage`."""
