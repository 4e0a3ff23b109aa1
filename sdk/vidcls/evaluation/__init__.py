"""How good a model's answers are: metrics, and reports of them."""
