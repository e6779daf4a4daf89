"""The predictor: scores the readings of one bundle behind the Open Inference Protocol."""
