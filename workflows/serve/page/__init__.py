"""The page: what people open in a browser to search, and to see what is in the bucket."""
