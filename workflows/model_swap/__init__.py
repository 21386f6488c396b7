"""Changes the model behind search: fill a new collection, compare, switch, roll back."""
