"""crop: find the border around the picture."""
