"""The operator: watches WeldModels and makes the cluster serve what they ask for."""
