"""What an operator does: verify and repair, delete, clean up."""
