"""What an operator does around the runs: plan, look, retry, verify, repair, forget, clean up."""
