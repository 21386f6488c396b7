"""The models that put pictures and texts into one vector space."""
