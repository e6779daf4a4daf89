"""The Kubernetes objects that a WeldModel becomes, built purely; every field that matters is stated."""
