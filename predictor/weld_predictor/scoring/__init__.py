"""From features to risks: scikit-learn itself, or its estimators in compiled form."""
